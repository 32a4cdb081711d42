//! Job DSL scripts, as the plugin's own documentation writes them, and what hostile ones must not do.

use crate::manifest::{Language, Manifest, Masking, masked_items, parse_items};

fn masking() -> Masking {
    Masking::new([5; 32])
}

fn read(text: &str) -> Manifest {
    parse_items(Language::JobDsl, text.as_bytes(), &masking())
}

fn ids(text: &str) -> Vec<String> {
    let documents = read(text).documents;
    let ids = documents.iter();
    ids.map(|found| format!("{} {}", found.line, found.object.id))
        .collect()
}

const SCRIPT: &str = r#"#!/usr/bin/env groovy
// Not a job('commented') {
/* nor job('this') { */
def text = 'job("in a string") {'
def slashy = /job('x') { \/ "/
def many = """
job('in text') { ${ "}" }
"""

folder('shop') {
    description 'The shop'
}

// Builds it.
pipelineJob("shop/build") {
    definition {
        cpsScm {
            scm {
                git {
                    remote { url('https://example.com/shop.git') }
                    branches('main', 'release')
                }
            }
            scriptPath 'Jenkinsfile'
        }
    }
    triggers { cron('H * * * *') }
    logRotator(-1, 10)
    disabled()
}
['a', 'b'].each { name ->
    multibranchPipelineJob("shop/${name}") {
        displayName name
    }
}
dsl.job('factory') { label 'x' }
other.job('not one') { label 'x' }
build job: 'shop/build', wait: false
job('bare')
listView(prefix + '/all') { jobs { regex(/shop-.+/) } }
"#;

#[test]
fn every_declaration_is_an_item_wherever_it_stands() {
    assert_eq!(
        ids(SCRIPT),
        [
            "10 folder/shop",
            "14 pipelineJob/shop/build",
            "32 multibranchPipelineJob/shop/${name}",
            "36 job/factory",
            "39 job/bare",
            "40 listView/prefix + '/all'",
        ]
    );
    let manifest = read(SCRIPT);
    assert_eq!(manifest.broken, []);
    let text = &SCRIPT[manifest.documents[1].bytes.clone()];
    assert!(
        text.starts_with("// Builds it.\npipelineJob") && text.ends_with("disabled()\n}\n"),
        "{text}"
    );
    assert_eq!(
        serde_json::to_value(&manifest.documents[1].object.root).unwrap(),
        serde_json::json!({
            "definition": {"cpsScm": {
                "scm": {"git": {
                    "remote": {"url": "https://example.com/shop.git"},
                    "branches": ["main", "release"],
                }},
                "scriptPath": "Jenkinsfile",
            }},
            "triggers": {"cron": "H * * * *"},
            "logRotator": ["-1", "10"],
            "disabled": true,
        })
    );
}

#[test]
fn what_is_no_call_is_kept_as_text() {
    let text = "job('x') {\n  if (a) { label 'b' }\n  steps {\n    shell('one')\n    shell('''two\nlines''')\n  }\n  x = y +\n    'z'\n  configure { it / 'a' << 'b' }\n  publishers { mail('a') { to 'b' } }\n}\n";
    assert_eq!(
        serde_json::to_value(&read(text).documents[0].object.root).unwrap(),
        serde_json::json!({
            "if": {"with": "a", "label": "b"},
            "steps": {"shell": ["one", "two\nlines"]},
            "x": "= y + 'z'",
            "configure": {"script": "it / 'a' << 'b'"},
            "publishers": {"mail": {"with": "a", "to": "b"}},
        })
    );
}

#[test]
fn secrets_are_masked_in_values_and_in_text() {
    for text in [
        "job('x') { authenticationToken('hunter2') }",
        "job('x') { wrappers { password('hunter2') } }",
        "job('x') { parameters { stringParam('DB_PASSWORD', 'hunter2', 'd') } }",
        "job('x') { environmentVariables(API_TOKEN: 'hunter2') }",
        "job('x') { steps { shell('login --password=hunter2') } }",
        "job('x') {\n  password = 'hunter2'\n}",
        "job('x') {\n  // password: 'hunter2'\n}",
        "job('x') {\n  password('hunter2')\n",
        "job('x') { password 'hunter2",
    ] {
        let shown = format!("{:?}", read(text));
        assert!(!shown.contains("hunter2"), "{shown}");
        let masked = masked_items(Language::JobDsl, text.as_bytes(), &masking());
        assert!(
            !masked.contains("hunter2") && masked.contains("<masked"),
            "{masked}"
        );
    }
    let named = "job('x') { scm { git { remote { credentials('deploy-key') } } } }";
    assert_eq!(
        masked_items(Language::JobDsl, named.as_bytes(), &masking()),
        named
    );
}

#[test]
fn what_does_not_end_is_named_by_its_line_and_loses_no_other() {
    for (text, line) in [
        ("job('a') {}\njob('b') {\n", 2),
        ("job('a') {}\n\ndef x = 'y\n", 3),
        ("job('a') {}\n}\n", 2),
        ("job('a') {}\n/* x\n", 2),
        ("job('a') {}\nx = \"${'\n", 2),
    ] {
        let manifest = read(text);
        assert_eq!(manifest.documents.len(), 1, "{text}");
        assert_eq!(manifest.broken[0].line, line, "{text}");
    }
}

#[test]
fn abysses_are_refused_in_time_and_no_text_makes_it_panic() {
    let inside = |text: String| format!("job('x') {{ {text} }}");
    for text in [
        inside("a { ".repeat(100_000) + &"}".repeat(100_000)),
        inside("a(".repeat(100_000) + &")".repeat(100_000)),
        inside("[".repeat(100_000) + &"]".repeat(100_000)),
        "job('x') {".repeat(50_000),
        "\"${".repeat(100_000),
        "/*".repeat(100_000),
        inside("a 'b'\n".repeat(100_000)),
        inside((0..50_000).map(|at| format!("a{at} 'b'\n")).collect()),
        "job(".repeat(50_000),
    ] {
        let manifest = read(&text);
        masked_items(Language::JobDsl, text.as_bytes(), &masking());
        assert!(manifest.documents.len() <= 1, "{}", &text[..20]);
    }
    use proptest::prelude::*;
    let pieces = prop::sample::select(vec![
        "job", "'a'", " ", "{", "}", "\n", "=", "a", "(", ")", "[", "]", ",", "\"", "'", "'''",
        "${", "/", "$/", "/$", "//", "/*", "*/", "é", "\r\n", ".", ";", "->", "\\", "password",
        "folder",
    ]);
    proptest!(ProptestConfig::with_cases(1024), |(parts in prop::collection::vec(pieces, 0..40))| {
        let text = parts.concat();
        let mut end = 0;
        for document in read(&text).documents {
            prop_assert!(document.bytes.start >= end, "{text:?}");
            prop_assert!(text.get(document.bytes.clone()).is_some(), "{text:?}");
            end = document.bytes.end;
        }
        masked_items(Language::JobDsl, text.as_bytes(), &masking());
    });
}
