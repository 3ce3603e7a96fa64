mod backward;
mod groups;
mod lessons;
mod machine;
mod room;

pub use lessons::{LessonDevice, teacher};
pub use machine::*;
