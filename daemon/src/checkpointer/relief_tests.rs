//! What may go near the bound of the disk, and what stays.

use super::*;

fn meta(generation: u64, pinned: bool, label: Option<&str>) -> CheckpointMeta {
    CheckpointMeta { generation, pinned, label: label.map(Into::into), ..CheckpointMeta::default() }
}

#[test]
fn the_newest_checkpoint_and_those_that_are_pinned_or_labelled_stay() {
    let checkpoints = vec![
        meta(1, false, None),
        meta(2, true, None),
        meta(3, false, Some("good")),
        meta(4, false, None),
        meta(5, false, None),
    ];
    let gone: Vec<u64> = surplus_of(checkpoints).iter().map(|meta| meta.generation).collect();
    assert_eq!(gone, [1, 4]);
    assert!(surplus_of(vec![meta(1, false, None)]).is_empty() && surplus_of(Vec::new()).is_empty());
}
