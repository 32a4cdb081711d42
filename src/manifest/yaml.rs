//! The event-driven loader: YAML by the rules of sigs.k8s.io/yaml, with byte spans.
