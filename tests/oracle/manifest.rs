//! Manifests against kubectl: `kubectl label --local` decodes them with sigs.k8s.io/yaml as the API server would, and
//! needs no server.

use std::io::Write;
use std::process::{Command, Stdio};

use gitopsy::manifest::{Cause, Masking, Node, Object, parse};

/// What kubectl makes of YAML: the JSON of each document, or `Err` where it refuses. `None` where there is no kubectl.
fn kubectl(yaml: &str) -> Option<Result<Vec<serde_json::Value>, String>> {
    let home = tempfile::tempdir().expect("directory");
    let child = Command::new("kubectl")
        .args([
            "label",
            "--local",
            "-f",
            "-",
            "-o",
            "json",
            "oracle=kubectl",
        ])
        .env("HOME", home.path())
        .env("KUBECONFIG", home.path().join("none"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = match child {
        Ok(child) => child,
        Err(error) => {
            assert!(
                std::env::var_os("CI").is_none(),
                "kubectl is required in CI: {error}"
            );
            eprintln!("skipped: kubectl is not installed");
            return None;
        }
    };
    child
        .stdin
        .take()
        .expect("stdin")
        .write_all(yaml.as_bytes())
        .expect("kubectl reads");
    let output = child.wait_with_output().expect("kubectl ends");
    if !output.status.success() {
        return Some(Err(String::from_utf8_lossy(&output.stderr).into_owned()));
    }
    let documents = serde_json::Deserializer::from_slice(&output.stdout).into_iter();
    Some(Ok(documents.collect::<Result<_, _>>().expect("JSON")))
}

fn masking() -> Masking {
    Masking::new([0; 32])
}

/// The object without kubectl's label.
fn unlabelled(mut json: serde_json::Value) -> Object {
    json["metadata"]
        .as_object_mut()
        .expect("metadata")
        .remove("labels");
    Object::from_json(json, &masking()).expect("an object")
}

fn document(body: &str) -> String {
    format!("apiVersion: example.com/v1\nkind: Example\nmetadata: {{name: example}}\n{body}\n")
}

/// Compares one document's value; true where kubectl was there to be asked.
fn agrees(body: &str) -> bool {
    let yaml = document(body);
    let Some(answer) = kubectl(&yaml) else {
        return false;
    };
    let ours = parse(yaml.as_bytes(), &masking());
    match answer {
        Ok(mut documents) => {
            let json = documents.pop().expect("a document");
            assert_eq!(ours.broken, [], "kubectl reads\n{body}");
            let (ours, theirs) = (&ours.documents[0].object.root, unlabelled(json).root);
            if let (Node::Map(ours), Node::Map(theirs)) = (ours, &theirs) {
                for (key, value) in theirs {
                    let line = body
                        .lines()
                        .find(|line| line.starts_with(&format!("{key}:")));
                    assert_eq!(ours.get(key), Some(value), "{key}: {line:?}");
                }
                assert_eq!(ours.len(), theirs.len(), "{body}");
            }
        }
        Err(error) => {
            assert!(
                ours.documents.is_empty(),
                "kubectl refuses\n{body}\n{error}"
            );
            assert_eq!(ours.broken.len(), 1, "{body}");
        }
    }
    true
}

#[test]
fn scalars_are_what_kubernetes_sees() {
    // go-yaml v2 `resolve_test` and `decode_test`, and what people write by mistake.
    let scalars = [
        "y",
        "Y",
        "yes",
        "Yes",
        "YES",
        "yEs",
        "n",
        "N",
        "no",
        "No",
        "NO",
        "nO",
        "on",
        "On",
        "ON",
        "oN",
        "off",
        "Off",
        "OFF",
        "oFF",
        "true",
        "True",
        "TRUE",
        "tRUE",
        "false",
        "False",
        "FALSE",
        "fALSE",
        "~",
        "null",
        "Null",
        "NULL",
        "nULL",
        "''",
        "\"\"",
        "0",
        "00",
        "-0",
        "+0",
        "0644",
        "0o644",
        "0O644",
        "0888",
        "08",
        "-0644",
        "0x1F",
        "0X1f",
        "-0x1f",
        "0xg",
        "0b101",
        "0B101",
        "-0b101",
        "0b2",
        "1_000",
        "1__0",
        "_1",
        "0_644",
        "0x_1F",
        "12:30",
        "1:20:30",
        "2001-01-01",
        "2001-01-01T00:00:00Z",
        "1.0",
        "1.",
        ".5",
        "5.",
        "-.5",
        "+.5",
        "1.5e3",
        "1e3",
        "1E3",
        "1e+3",
        "1e-3",
        "1e",
        "e3",
        "1.2.3",
        "+",
        "-1",
        "+1",
        "++1",
        "1-",
        "9223372036854775807",
        "9223372036854775808",
        "-9223372036854775808",
        "-9223372036854775809",
        "18446744073709551615",
        "18446744073709551616",
        "+18446744073709551615",
        "1e18",
        "1e20",
        "1e21",
        "1e22",
        "1e400",
        "-1e400",
        "123456789.5",
        "0.1",
        "1e-7",
        "1e-400",
        "1152921504606846976.0",
        "9007199254740993.0",
        "-0.0",
        "Infinity",
        "NaN",
        "inf",
        ".infinity",
        "0x",
        "0o",
        "1k",
        "100m",
        "1Gi",
        "!foo 12",
        "! 12",
        "!!str 12",
        "!!str yes",
        "!!int '3'",
        "!!float 3",
        "!!float '1e3'",
        "!!bool yes",
        "!!bool 'on'",
        "!!null ''",
        "!!binary aGVsbG8=",
        "!!binary \"aGVs\\n  bG8=\"",
        "!!timestamp 2001-01-01",
        "'yes'",
        "\"0644\"",
        "=",
        "<<",
        "'<<'",
        "a@b",
        "1 2",
    ];
    let body: String = scalars
        .iter()
        .enumerate()
        .map(|(i, scalar)| format!("k{i}: {scalar}\n"))
        .collect();
    agrees(&body);
}

#[test]
fn random_scalars_are_what_kubernetes_sees() {
    // Tokens of the characters that matter to numbers, from a fixed sequence.
    const ALPHABET: &[u8] = b"0011234789abefxXoO__+-..eE:";
    let mut state = 42u64;
    let mut next = |n: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).expect("31 bits") % n
    };
    let mut body = String::new();
    for i in 0..6000 {
        let length = 1 + next(7);
        let token: String = (0..length)
            .map(|_| char::from(ALPHABET[next(ALPHABET.len())]))
            .collect();
        // A plain scalar may not be `-` or end in a colon; and serde_json reads large exponents inexactly here, where it
        // reads kubectl's answer.
        let exponent = token
            .split_once(['e', 'E'])
            .is_some_and(|(_, exponent)| exponent.len() > 1);
        if token != "-" && !token.ends_with(':') && !token.starts_with(':') && !exponent {
            body.push_str(&format!("k{i}: {token}\n"));
        }
    }
    assert!(body.lines().count() > 3000);
    agrees(&body);
}

#[test]
fn keys_merges_and_duplicates_are_what_kubernetes_sees() {
    for body in [
        "1: a\n0x10: b\n1.5: c\n1e10: d\n1e-7: e\n0.1: f\n1234567.5: g\n1e6: h\n16777217.0: i\n-0.5: j\nyes: k\noff: l\n2001-01-01: m\n'': n\n\"a\\tb\": o",
        "x: &x {a: 2, c: 3}\nm1: {a: 1, <<: *x}\nm2: {<<: *x, a: 1}\nm3: {<<: [{a: 7}, *x]}\nm4: {'<<': 1}\nm5: {!!merge <<: *x}\n",
        "x: &x {a: 1}\ny: &y {<<: *x, b: 2}\nz: {<<: *y, c: 3}\nv: {<<: [*x, {a: 5, d: 4}], <<: {e: 1}}\n",
        "a: 1\nb: 2\na: 3\nm: {p: 1, p: {q: 2}, p: [3]}\n",
        "a: &a [1, &b two]\nc: *a\nd: *b\n*b : e\n",
        "a: &a 1\nb: &a 2\nc: *a\n",
        "text: |\n  a\n   b\n\n  c\n\nfold: >-\n  a\n  b\n\n  c\n   d\nkeep: |+\n  x\n\n\nstrip: |-\n  y\n\nplain: a\n  b\n\n  c\nq: \"a\n  b\\\n  c\\n\"\ns: 'it''s\n  x'\n",
        "empty:\nlist:\n- a\n-\n- - b\n  - c\nflow: {a, b: , 'c': [x, y,], d: {e: f}}\n? long\n: value\n",
        "tabs: \"a\\tb\"\nunicode: \"\\u00e9\\x41\\U0001F680\"\nhash: a#b # c\nurl: http://x:80/a?b=c\n",
        "{\"json\": {\"a\": [1, 2.50, true, null, \"x\\n\\/\"]}}",
        "%: x",
        "? [a]\n: b",
        "~: x",
        "null: x",
        "18446744073709551615: x",
        "a: .inf",
        "a: -.Inf",
        "a: .NaN",
        "a: !!int abc",
        "a: !!int 3.5",
        "a: !!bool 1",
        "a: !!binary '*'",
        "a: &s {b: *s}",
        "a: *missing",
        "<<: 1",
        "<<: [1]",
        "a: b: c",
        "a: [1",
        "a: {{ .Values.x }}",
        "- {{ .Values.x }}",
        "a: \"x",
        "a:\n\t- b",
        "a: @x",
        "a: `x`",
    ] {
        if !agrees(body) {
            return;
        }
    }
}

#[test]
fn names_that_are_no_strings_are_refused() {
    for name in ["123", "yes", "n", "0x1", "1.5", "{a: b}"] {
        let yaml = format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\n");
        let Some(answer) = kubectl(&yaml) else { return };
        assert!(answer.is_err(), "{name}");
        let ours = parse(yaml.as_bytes(), &masking());
        assert_eq!(
            ours.broken
                .iter()
                .map(|broken| broken.cause)
                .collect::<Vec<_>>(),
            [Cause::NotAnObject],
            "{name}"
        );
        assert!(ours.broken[0].why.contains("quote it"));
    }
}

#[test]
fn documents_and_lists_are_taken_apart_as_kubectl_does() {
    let yaml = "\
# only a comment
---
%YAML 1.1
---
apiVersion: v1
kind: ConfigMap
metadata: {name: a}
--- # second
apiVersion: v1
kind: List
items:
- apiVersion: v1
  kind: ConfigMap
  metadata: {name: b}
- {apiVersion: v1, kind: Service, metadata: {name: c}}
---
---
apiVersion: v1
kind: ConfigMapList
items:
- metadata: {name: d}
---
{\"apiVersion\": \"v1\", \"kind\": \"ConfigMap\", \"metadata\": {\"name\": \"e\"}}
";
    let without_directive = yaml.replace("%YAML 1.1\n---\n", "");
    let Some(answer) = kubectl(&without_directive) else {
        return;
    };
    let theirs: Vec<String> = answer
        .expect("kubectl reads it")
        .iter()
        .map(|item| {
            let text = |value: &serde_json::Value| value.as_str().expect("text").to_owned();
            format!(
                "{}/{}",
                text(&item["kind"]),
                text(&item["metadata"]["name"])
            )
        })
        .collect();
    assert_eq!(theirs.len(), 5);
    for text in [
        yaml,
        &without_directive,
        &without_directive.replace('\n', "\r\n"),
        &format!("\u{feff}{without_directive}"),
    ] {
        let ours = parse(text.as_bytes(), &masking());
        assert_eq!(ours.broken, []);
        let ids: Vec<String> = ours
            .documents
            .iter()
            .map(|document| document.object.id.to_string())
            .collect();
        assert_eq!(ids, theirs);
    }
}
