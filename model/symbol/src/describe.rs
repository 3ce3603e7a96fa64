//! What the models of a recipe are made of, listed from the declarations.

use crate::component::SymbolComponent;
use crate::inputs::CONTEXT_INPUTS;
use crate::sources::Sources;
use crate::spec::Spec;
use crate::weight_sets::weight_sets;
use crate::whole_experts::{NETWORK, whole_experts};
use std::fmt;
use surmise_experts::DeclaredStage;

/// A context, an input of the mixer, a weight set or a whole expert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeclaredPart {
    /// Its name in reports.
    pub name: String,
    /// What it is.
    pub about: String,
    /// The component with which ablation leaves it out; `None` if it is always kept.
    pub component: Option<SymbolComponent>,
}

/// Everything that the models of a recipe are made of, in the order in which they hold it. `Display` prints it as lists
/// in Markdown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpecDescription {
    /// The contexts, lane by lane.
    pub contexts: Vec<DeclaredPart>,
    /// The inputs of the mixer: first those that every context has, then the sources'.
    pub inputs: Vec<DeclaredPart>,
    /// The weight sets of the mixer.
    pub weight_sets: Vec<DeclaredPart>,
    /// The whole experts of the outer mixture.
    pub experts: Vec<DeclaredPart>,
}

impl Spec {
    /// Lists what the models of the recipe are made of.
    pub fn describe(&self) -> SpecDescription {
        let part = |name: String, about: &str, component| DeclaredPart { name, about: about.into(), component };
        let contexts = self.contexts.iter();
        let contexts = contexts.map(|(c, _)| part(format!("{c:?}"), c.about(), c.component())).collect();
        // blocks of histories and of their chain are one component
        let of_contexts = CONTEXT_INPUTS.iter().take(if self.chain { 4 } else { 3 }).enumerate().map(|(i, input)| {
            let component = (i >= 2).then_some(SymbolComponent::Histories);
            part(input.name.into(), "of every context", component)
        });
        let singles = Sources::inputs(self).into_iter().filter(|single| single.is_present);
        let singles = singles.map(|single| part(single.input.name.into(), single.source, single.component));
        let sets = weight_sets(self).into_iter().enumerate().map(|(i, set)| {
            let component = (i > 0).then_some(SymbolComponent::WeightSets);
            part(set.name.into(), &format!("{} rows at most", set.rows), component)
        });
        let experts = whole_experts(self).into_iter();
        SpecDescription {
            contexts,
            inputs: of_contexts.chain(singles).collect(),
            weight_sets: sets.collect(),
            experts: experts.map(|(name, about)| part(name.into(), about, None)).collect(),
        }
    }

    /// Lists the stages through which a symbol goes in the models of the recipe, each after those that it reads. A
    /// recipe without a network has no stage of that.
    pub fn flow(&self) -> Vec<DeclaredStage> {
        let SpecDescription { contexts, inputs, weight_sets, experts } = self.describe();
        let named = |parts: Vec<DeclaredPart>| parts.into_iter().map(|part| (part.name, part.about));
        let (new, whole) = (DeclaredStage::new, DeclaredStage::whole);
        let flow = vec![
            whole("past", "what is remembered of the key and the stream, and the event's earlier fields", &[]),
            new("contexts", "each counts what came after it", &["past"], named(contexts)),
            whole(NETWORK, "says every bit of the symbol from the key's past", &["past"]),
            new("inputs", "what contexts and others say of each bit", &["contexts", NETWORK], named(inputs)),
            new("weights", "chosen by what is at hand", &["past"], named(weight_sets)),
            whole("mixer", "weighs the inputs anew at each bit", &["inputs", "weights"]),
            new("experts", "could predict alone", &["contexts", NETWORK, "mixer"], named(experts)),
            whole("mixture", "never much worse than its best expert", &["experts"]),
        ];
        if self.network.is_some() { flow } else { DeclaredStage::without(flow, NETWORK) }
    }
}

impl fmt::Display for SpecDescription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lists = [
            ("Contexts", &self.contexts),
            ("Inputs of the mixer", &self.inputs),
            ("Weight sets", &self.weight_sets),
            ("Whole experts", &self.experts),
        ];
        for (title, parts) in lists {
            writeln!(f, "{title}:\n")?;
            for part in parts {
                let component = part.component.map(|c| format!(" (component {})", c.name())).unwrap_or_default();
                writeln!(f, "* {}: {}{component}", part.name, part.about)?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::code::Code;
    use crate::spec::NetworkSpec;
    use surmise_network::Engine;

    /// What ablation leaves out of a recipe is no longer listed, unless it keeps its place and says nothing.
    #[test]
    fn a_component_that_is_left_out_is_not_listed() {
        let spec = Spec { numbers: 3, ..Spec::among_fields(Code::Arrival, true, 1, 2, 2) };
        for spec in [Spec::bytes(false, 1), Spec::symbols(true, 1), spec] {
            let whole = spec.describe();
            for component in SymbolComponent::ALL {
                let less = spec.clone().without(component).describe();
                let named = |d: &SpecDescription| {
                    let parts = d.contexts.iter().chain(&d.inputs);
                    parts.filter(|part| part.component == Some(component)).count()
                };
                match component {
                    SymbolComponent::Histories | SymbolComponent::Matches => assert_eq!(named(&less), named(&whole)),
                    SymbolComponent::Sides | SymbolComponent::Clocks => assert_eq!(less, whole),
                    _ => assert_eq!(named(&less), 0, "{component:?}"),
                }
            }
        }
    }

    #[test]
    fn stages_read_those_before_them() {
        let network = NetworkSpec {
            layers: 1,
            hidden: 16,
            chunk: 8,
            rate: 0.01,
            head_rate: 0.01,
            lags: 1,
            rows_max: 256,
            nodes_max: 256,
            engine: Engine::default(),
            delay_chunks: 0,
        };
        let with_network = Spec { network: Some(network), ..Spec::symbols(true, 1) };
        for (spec, networked) in [(Spec::bytes(false, 1), false), (with_network, true)] {
            let flow = spec.flow();
            for (i, stage) in flow.iter().enumerate() {
                let known: Vec<_> = flow[..i].iter().map(|earlier| earlier.name).collect();
                assert!(stage.reads.iter().all(|read| known.contains(read)), "{stage:?}");
                assert!(!known.contains(&stage.name), "{stage:?}");
            }
            assert_eq!(flow.iter().any(|stage| stage.name == NETWORK), networked);
        }
    }

    #[test]
    fn a_description_names_everything_in_order() {
        let text = Spec::bytes(false, 64).describe();
        assert_eq!(text.contexts.len(), 16);
        assert_eq!(text.contexts[15].name, "Followers");
        assert_eq!(text.experts.last().map(|e| e.name.as_str()), Some("mixed"));
        assert_eq!(text.weight_sets[0].name, "node");
        let printed = text.to_string();
        for part in text.contexts.iter().chain(&text.inputs).chain(&text.weight_sets).chain(&text.experts) {
            assert!(printed.contains(&part.name), "{part:?} is printed");
        }
    }
}
