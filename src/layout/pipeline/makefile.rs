//! What `make deploy` would run: a target's lines and those of what it needs, read and never executed.
//!
//! Only what such files mostly consist of is understood: rules, pattern rules, plain variables. Functions, conditions and
//! included files are left as they are written.

use std::collections::{BTreeMap, BTreeSet};

/// Variables within variables, and targets that need targets.
const DEEPEST: usize = 16;
/// What one call may come to, in bytes.
const LONGEST: usize = 1 << 16;

/// A call of make in a text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Call<'t> {
    /// `-C`: relative to where it is called.
    pub(super) directory: &'t str,
    /// `-f`
    pub(super) file: Option<&'t str>,
    targets: Vec<&'t str>,
    variables: Vec<(&'t str, &'t str)>,
}

/// The calls of make in a build file's text.
pub(super) fn calls(text: &str) -> Vec<Call<'_>> {
    let lines = text.lines().filter(|line| {
        let line = line.trim_start();
        !line.starts_with('#') && !line.starts_with("//")
    });
    let commands = lines.flat_map(|line| line.split([';', '|', '&', '`', '(', ')']));
    commands.filter_map(call).collect()
}

fn call(command: &str) -> Option<Call<'_>> {
    let mut words = command
        .split([' ', '\t', ',', '[', ']', '"', '\''])
        .filter(|word| !word.is_empty());
    words.find(|word| *word == "make" || word.ends_with("/make"))?;
    let mut call = Call {
        directory: "",
        file: None,
        targets: Vec::new(),
        variables: Vec::new(),
    };
    while let Some(word) = words.next() {
        match word {
            "-C" | "--directory" => call.directory = words.next().unwrap_or_default(),
            "-f" | "--file" | "--makefile" => call.file = words.next(),
            "-n" | "--dry-run" | "--just-print" | "-q" | "--question" => return None,
            _ if word.starts_with('-') => {}
            _ => match word.split_once('=') {
                Some(variable) => call.variables.push(variable),
                None => call.targets.push(word),
            },
        }
    }
    Some(call)
}

#[derive(Debug, Default)]
struct Rule {
    needs: Vec<String>,
    lines: Vec<String>,
}

/// A makefile's rules, as written.
#[derive(Debug, Default)]
pub(super) struct Makefile {
    variables: BTreeMap<String, String>,
    rules: BTreeMap<String, Rule>,
    first: Option<String>,
}

impl Makefile {
    pub(super) fn of(text: &str) -> Makefile {
        let mut makefile = Makefile::default();
        let joined = text.replace("\\\r\n", " ").replace("\\\n", " ");
        let mut current: Vec<String> = Vec::new();
        for line in joined.lines() {
            if let Some(command) = line.strip_prefix('\t') {
                for target in &current {
                    if let Some(rule) = makefile.rules.get_mut(target) {
                        rule.lines
                            .push(command.trim_start_matches(['@', '-', '+', ' ']).to_owned());
                    }
                }
                continue;
            }
            let line = line.split('#').next().unwrap_or_default().trim_end();
            if line.is_empty() {
                continue;
            }
            current.clear();
            if let Some((name, value)) = assigned(line) {
                makefile.variables.insert(name.to_owned(), value.to_owned());
            } else if let Some((targets, rest)) = line.split_once(':') {
                let (needs, command) = match rest.split_once(';') {
                    Some((needs, command)) => (needs, Some(command)),
                    None => (rest, None),
                };
                for target in targets.split_whitespace() {
                    let rule = makefile.rules.entry(target.to_owned()).or_default();
                    let needs = needs.trim_start_matches(':').split_whitespace();
                    rule.needs.extend(needs.map(str::to_owned));
                    rule.lines
                        .extend(command.map(|command| command.trim().to_owned()));
                    if makefile.first.is_none() && !target.starts_with('.') {
                        makefile.first = Some(target.to_owned());
                    }
                    current.push(target.to_owned());
                }
            }
        }
        makefile
    }

    /// The command lines of a call, in the order in which they would be run.
    pub(super) fn commands(&self, call: &Call<'_>) -> String {
        let mut variables = self.variables.clone();
        variables.insert("MAKE".to_owned(), "make".to_owned());
        for (name, value) in &call.variables {
            variables.insert((*name).to_owned(), (*value).to_owned());
        }
        let mut run = Run {
            makefile: self,
            variables,
            made: BTreeSet::new(),
            out: String::new(),
        };
        match (call.targets.is_empty(), &self.first) {
            (true, Some(first)) => run.target(first, DEEPEST),
            _ => call
                .targets
                .iter()
                .for_each(|target| run.target(target, DEEPEST)),
        }
        run.out
    }

    /// A target's rule, and what `$*` stands for in it.
    fn rule(&self, target: &str) -> Option<(&Rule, String)> {
        if let Some(rule) = self.rules.get(target) {
            return Some((rule, String::new()));
        }
        self.rules.iter().find_map(|(pattern, rule)| {
            let (before, after) = pattern.split_once('%')?;
            let stem = target.strip_prefix(before)?.strip_suffix(after)?;
            Some((rule, stem.to_owned()))
        })
    }
}

/// `NAME = value`, `NAME := value`, `export NAME ?= value`.
fn assigned(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.split_once('=')?;
    let name = name.trim_end_matches([':', '?', '+', '!']).trim();
    let name = name.strip_prefix("export ").unwrap_or(name).trim();
    let is_name = !name.is_empty() && !name.contains([' ', ':', '\t', '$', '(']);
    is_name.then(|| (name, value.trim()))
}

struct Run<'m> {
    makefile: &'m Makefile,
    variables: BTreeMap<String, String>,
    made: BTreeSet<String>,
    out: String,
}

impl Run<'_> {
    fn target(&mut self, target: &str, depth: usize) {
        if depth == 0 || self.out.len() > LONGEST || !self.made.insert(target.to_owned()) {
            return;
        }
        let Some((rule, stem)) = self.makefile.rule(target) else {
            return;
        };
        for needed in &rule.needs {
            let needed = self.filled(&needed.replace('%', &stem), DEEPEST);
            for needed in needed.split_whitespace() {
                self.target(needed, depth - 1);
            }
        }
        for line in &rule.lines {
            let line = line.replace("$*", &stem).replace("$@", target);
            let line = self.filled(&line, DEEPEST);
            let called: Vec<String> = calls(&line)
                .into_iter()
                .filter(|call| call.directory.is_empty() && call.file.is_none())
                .flat_map(|call| call.targets)
                .map(str::to_owned)
                .collect();
            self.out.push_str(&line);
            self.out.push('\n');
            for target in called {
                self.target(&target, depth - 1);
            }
        }
    }

    /// A text with the variables that are known.
    fn filled(&self, text: &str, depth: usize) -> String {
        let mut filled = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('$') {
            filled.push_str(before);
            let close = match after.bytes().next() {
                Some(b'(') => ')',
                Some(b'{') => '}',
                Some(b'$') => {
                    filled.push('$');
                    rest = &after[1..];
                    continue;
                }
                _ => {
                    filled.push('$');
                    rest = after;
                    continue;
                }
            };
            let named = after[1..].split_once(close);
            let value = named.and_then(|(name, _)| self.variables.get(name));
            match (named, value) {
                (Some((_, after)), Some(value)) if depth > 0 && filled.len() < LONGEST => {
                    filled.push_str(&self.filled(value, depth - 1));
                    rest = after;
                }
                _ => {
                    filled.push('$');
                    rest = after;
                }
            }
        }
        filled.push_str(rest);
        filled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAKEFILE: &str = "# how we deploy\nKUBECTL ?= kubectl\nAPPLY := $(KUBECTL) --context $(CONTEXT) apply\nA = $(B)\nB = $(A)\n\n\
        .PHONY: all deploy\nall: test\n\ntest:\n\tgo test ./...\n\ndeploy: build deploy-prod ## ship it\n\t@echo done\n\n\
        deploy-%: CONTEXT\n\t@$(APPLY) -k overlays/$*\n\t$(MAKE) notify ENV=$*\n\nnotify:\n\tcurl $(A) $$HOME $(shell date)\n\n\
        infra: ; cd terraform && terraform \\\n\t  apply\nloop: loop2\n\ttrue\nloop2: loop\n\tfalse\n";

    fn commands(call: &str) -> String {
        let makefile = Makefile::of(MAKEFILE);
        let calls = calls(call);
        calls.iter().map(|call| makefile.commands(call)).collect()
    }

    #[test]
    fn a_target_is_its_lines_and_those_of_what_it_needs() {
        assert_eq!(commands("make"), "go test ./...\n");
        assert_eq!(
            commands("run: make -s deploy CONTEXT=eu"),
            "kubectl --context eu apply -k overlays/prod\nmake notify ENV=prod\n".to_owned()
                + &commands("make notify")
                + "echo done\n"
        );
        assert_eq!(
            commands("make infra").trim(),
            "cd terraform && terraform    \t  apply".replace("    \t", "  \t")
        );
        assert_eq!(commands("make loop"), "false\ntrue\n");
        assert_eq!(commands("make nothing"), "");
        let bounded = commands("make notify");
        assert!(bounded.contains("$HOME $(shell date)"), "{bounded}");
    }

    #[test]
    fn calls_are_found_in_command_lines() {
        let found = calls(
            "- run: cd infra && make -C prod -f deploy.mk 'deploy' X=1\n# make no\nmake -n deploy\ncmake x\n",
        );
        assert_eq!(
            found,
            [Call {
                directory: "prod",
                file: Some("deploy.mk"),
                targets: vec!["deploy"],
                variables: vec![("X", "1")],
            }]
        );
    }
}
