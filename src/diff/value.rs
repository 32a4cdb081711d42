//! When two different spellings are one value to the API server.

use crate::manifest::{FieldPath, Leaf, Node, Step};

/// Whether two values mean the same to the API server at this path: numbers, quantities (`1` = `1000m`, `1Gi` = `1024Mi`)
/// where the field holds quantities, durations (`1h` = `60m`) in fields known to hold them, int-or-strings.
pub fn same_value(path: &FieldPath, before: &Node, after: &Node) -> bool {
    if before == after {
        return true;
    }
    let (Some(a), Some(b)) = (scalar(before), scalar(after)) else {
        return false;
    };
    match meaning(path) {
        Some(Meaning::Quantity) => quantity(&a).is_some_and(|value| Some(value) == quantity(&b)),
        Some(Meaning::Duration) => duration(&a).is_some_and(|value| Some(value) == duration(&b)),
        Some(Meaning::IntOrString) => a == b,
        None => false,
    }
}

fn scalar(node: &Node) -> Option<String> {
    match node {
        Node::Leaf(Leaf::String(text)) => Some(text.clone()),
        Node::Leaf(Leaf::Number(number)) => Some(number.to_string()),
        _ => None,
    }
}

enum Meaning {
    Quantity,
    Duration,
    IntOrString,
}

/// What the field at `path` holds, by the names the API uses (`k8s.io/api`: `resource.Quantity`, `intstr.IntOrString`;
/// Flux, cert-manager and External Secrets: `metav1.Duration`).
fn meaning(path: &FieldPath) -> Option<Meaning> {
    let mut keys = path.0.iter().rev().filter_map(|step| match step {
        Step::Key(key) => Some(key.as_str()),
        Step::Item(_) | Step::Index(_) => None,
    });
    let (leaf, parent, above) = (
        keys.next()?,
        keys.next().unwrap_or_default(),
        keys.next().unwrap_or_default(),
    );
    match (leaf, parent, above) {
        // Text, whatever it is called.
        (_, "data" | "stringData" | "labels" | "annotations" | "matchLabels", _) => None,
        ("sizeLimit" | "averageValue" | "targetAverageValue" | "divisor", _, _)
        | ("storage", "requests" | "limits" | "capacity", _)
        | (
            _,
            "requests" | "limits" | "capacity" | "allocatable" | "hard" | "used" | "overhead",
            _,
        )
        | (_, "default" | "defaultRequest" | "max" | "min", "limits")
        | ("value", "target", _) => Some(Meaning::Quantity),
        (
            "interval" | "retryInterval" | "timeout" | "refreshInterval" | "renewBefore"
            | "duration" | "scrapeTimeout",
            _,
            _,
        ) => Some(Meaning::Duration),
        ("targetPort" | "port" | "maxSurge" | "maxUnavailable" | "minAvailable", _, _) => {
            Some(Meaning::IntOrString)
        }
        _ => None,
    }
}

/// A quantity in billionths, the finest step Kubernetes keeps (`k8s.io/apimachinery/pkg/api/resource`). `None` where
/// the text is none, is finer, or is absurdly large.
pub fn quantity(text: &str) -> Option<i128> {
    let end = text
        .find(|c: char| !(c.is_ascii_digit() || matches!(c, '+' | '-' | '.')))
        .unwrap_or(text.len());
    let (number, suffix) = text.split_at(end);
    let (power, binary): (i32, u32) = match suffix {
        "n" => (-9, 0),
        "u" => (-6, 0),
        "m" => (-3, 0),
        "" => (0, 0),
        "k" => (3, 0),
        "M" => (6, 0),
        "G" => (9, 0),
        "T" => (12, 0),
        "P" => (15, 0),
        "E" => (18, 0),
        "Ki" => (0, 10),
        "Mi" => (0, 20),
        "Gi" => (0, 30),
        "Ti" => (0, 40),
        "Pi" => (0, 50),
        "Ei" => (0, 60),
        exponent => (exponent.strip_prefix(['e', 'E'])?.parse().ok()?, 0),
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits: i128 = format!("{whole}{fraction}").parse().ok()?;
    let scaled = digits.checked_mul(1i128.checked_shl(binary)?)?;
    let power = power
        .checked_sub(i32::try_from(fraction.len()).ok()?)?
        .checked_add(9)?;
    if power >= 0 {
        return scaled.checked_mul(10i128.checked_pow(power.unsigned_abs())?);
    }
    let divisor = 10i128.checked_pow(power.unsigned_abs())?;
    (scaled % divisor == 0).then_some(scaled / divisor)
}

/// A Go duration (`time.ParseDuration`) in nanoseconds.
fn duration(text: &str) -> Option<i128> {
    let (sign, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Some(0);
    }
    if rest.is_empty() {
        return None;
    }
    let mut total = 0i128;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !(c.is_ascii_digit() || c == '.'))?;
        let (number, after) = rest.split_at(end);
        let unit_end = after
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(after.len());
        let (unit, next) = after.split_at(unit_end);
        let unit: i128 = match unit {
            "ns" => 1,
            "us" | "µs" | "μs" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            _ => return None,
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let digits: i128 = format!("{whole}{fraction}").parse().ok()?;
        let divisor = 10i128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
        total = total.checked_add(digits.checked_mul(unit)? / divisor)?;
        rest = next;
    }
    Some(sign * total)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: &str) -> Node {
        Node::Leaf(Leaf::String(value.to_owned()))
    }

    #[test]
    fn quantities_by_value() {
        // k8s.io/apimachinery/pkg/api/resource/quantity_test.go, TestQuantityParse and TestQuantityCmp
        for (a, b) in [
            ("1", "1000m"),
            ("1Gi", "1024Mi"),
            ("0.5", "500m"),
            ("1e3", "1k"),
            ("1E", "1000P"),
            ("1.5Gi", "1536Mi"),
            ("100000n", "100u"),
            ("-0.5", "-500m"),
            (".5", "500m"),
            ("1.", "1"),
        ] {
            assert!(quantity(a).is_some(), "{a}");
            assert_eq!(quantity(a), quantity(b), "{a} {b}");
        }
        assert_ne!(quantity("1G"), quantity("1Gi"));
        for bad in ["", "abc", "1x", "1ki", "1.2.3", "1e", "--1", "e3"] {
            assert_eq!(quantity(bad), None, "{bad}");
        }
    }

    #[test]
    fn durations_by_value() {
        for (a, b) in [
            ("1h", "60m"),
            ("1h", "1h0m0s"),
            ("1.5h", "90m"),
            ("0", "0s"),
            ("1000ms", "1s"),
            ("-1m", "-60s"),
        ] {
            assert!(duration(a).is_some(), "{a}");
            assert_eq!(duration(a), duration(b), "{a} {b}");
        }
        for bad in ["", "5", "m", "1d", "1h 2m", "-"] {
            assert_eq!(duration(bad), None, "{bad}");
        }
    }

    #[test]
    fn meaning_depends_on_the_field() {
        let path =
            |keys: &[&str]| FieldPath(keys.iter().map(|&key| Step::Key(key.to_owned())).collect());
        let requests = path(&["spec", "resources", "requests", "cpu"]);
        assert!(same_value(&requests, &text("1"), &text("1000m")));
        assert!(same_value(
            &requests,
            &text("2"),
            &Node::Leaf(Leaf::Number(2.into()))
        ));
        assert!(!same_value(&requests, &text("1"), &text("2")));
        assert!(!same_value(
            &path(&["data", "cpu"]),
            &text("1"),
            &text("1000m")
        ));
        assert!(same_value(
            &path(&["spec", "interval"]),
            &text("1h"),
            &text("60m")
        ));
        assert!(same_value(
            &path(&["spec", "strategy", "maxSurge"]),
            &text("1"),
            &Node::Leaf(Leaf::Number(1.into()))
        ));
        assert!(!same_value(
            &path(&["data", "a"]),
            &text("1"),
            &Node::Leaf(Leaf::Number(1.into()))
        ));
    }
}
