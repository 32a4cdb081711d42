//! What a YAML scalar means to Kubernetes: sigs.k8s.io/yaml decodes with go-yaml v2, so YAML 1.1 holds
//! (`yes` is true, `0644` is 420, `1_000` is 1000), then goes through JSON.
//!
//! Source of the rules: `goyaml.v2/resolve.go` and `decode.go` in kubernetes-sigs/yaml, and Go's `strconv`.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Number;

/// A resolved scalar. A number is as YAML sees it: [`canonical`] makes it what Kubernetes sees.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Scalar<'a> {
    Null,
    Bool(bool),
    Number(Number),
    String(Cow<'a, str>),
}

/// A plain (unquoted) scalar. The error says what is wrong, without the text.
pub(super) fn plain(text: Cow<'_, str>) -> Result<Scalar<'_>, &'static str> {
    Ok(match text.as_ref() {
        "" | "~" | "null" | "Null" | "NULL" => Scalar::Null,
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            Scalar::Bool(true)
        }
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            Scalar::Bool(false)
        }
        ".nan" | ".NaN" | ".NAN" | ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF"
        | "-.inf" | "-.Inf" | "-.INF" => {
            return Err("a number that JSON cannot hold (infinite or not a number)");
        }
        number if starts_like_number(number) => match parse_number(number) {
            Some(number) => Scalar::Number(number),
            None => Scalar::String(text),
        },
        _ => Scalar::String(text),
    })
}

/// A scalar with an explicit tag of the `tag:yaml.org,2002:` namespace; `name` is what follows it (`str`, `int`, …).
pub(super) fn tagged<'a>(name: &str, text: Cow<'a, str>) -> Result<Scalar<'a>, &'static str> {
    const MISFIT: &str = "a value that does not fit its tag";
    match name {
        "bool" | "int" | "float" | "null" => match (name, plain(text)?) {
            ("bool", value @ Scalar::Bool(_)) | ("null", value @ Scalar::Null) => Ok(value),
            ("float", value @ Scalar::Number(_)) => Ok(value),
            ("int", Scalar::Number(number)) if !number.is_f64() => Ok(Scalar::Number(number)),
            _ => Err(MISFIT),
        },
        "binary" => {
            let packed: String = text.chars().filter(|c| !matches!(c, '\n' | '\r')).collect();
            match STANDARD.decode(packed) {
                Ok(bytes) => Ok(Scalar::String(
                    String::from_utf8_lossy(&bytes).into_owned().into(),
                )),
                Err(_) => Err("a !!binary value that is not base64"),
            }
        }
        _ => Ok(Scalar::String(text)),
    }
}

/// A number as the API server keeps it: an integer where its JSON has no fraction (Go writes the float 8.0 as `8`, and
/// reads that back as an integer), a float elsewhere.
pub(super) fn canonical(number: Number) -> Number {
    if number.is_i64() {
        return number;
    }
    // Beyond 2^63 Kubernetes' JSON decoder falls back to a float, from 10^21 on Go writes an exponent.
    let Some(float) = number.as_f64() else {
        return number;
    };
    if float.fract() == 0.0
        && float.abs() < 1e21
        && let Ok(integer) = float.to_string().parse::<i64>()
    {
        return Number::from(integer);
    }
    Number::from_f64(float).unwrap_or(number)
}

/// A scalar as a map's key (sigs.k8s.io/yaml `convertToJSONableObject`): Kubernetes has no keys but strings.
pub(super) fn key<'a>(scalar: Scalar<'a>) -> Option<Cow<'a, str>> {
    Some(match scalar {
        Scalar::String(text) => text,
        Scalar::Bool(true) => "true".into(),
        Scalar::Bool(false) => "false".into(),
        Scalar::Number(number) if number.is_i64() => number.to_string().into(),
        Scalar::Number(number) if number.is_f64() => float_key(number.as_f64()? as f32).into(),
        Scalar::Number(_) => return None,
        Scalar::Null => return None,
    })
}

/// Go's `strconv.FormatFloat(f, 'g', -1, 32)`.
fn float_key(float: f32) -> String {
    let scientific = format!("{float:e}");
    let Some((digits, exponent)) = scientific.split_once('e') else {
        return scientific;
    };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..6).contains(&exponent) {
        return format!("{float}");
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}

fn starts_like_number(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.'))
}

fn parse_number(text: &str) -> Option<Number> {
    // go-yaml gives what starts with a point to `strconv.ParseFloat` as it is, and that takes underscores between digits.
    if text.starts_with('.') && !underscores_between_digits(text) {
        return None;
    }
    let plain: Cow<'_, str> = if text.contains('_') {
        text.replace('_', "").into()
    } else {
        text.into()
    };
    integer(&plain).or_else(|| float(&plain))
}

fn underscores_between_digits(text: &str) -> bool {
    let bytes = text.as_bytes();
    let digit = |at: Option<usize>| {
        at.and_then(|at| bytes.get(at))
            .is_some_and(u8::is_ascii_digit)
    };
    text.match_indices('_')
        .all(|(at, _)| digit(at.checked_sub(1)) && digit(at.checked_add(1)))
}

/// Go's `strconv.ParseInt(s, 0, 64)`, then `ParseUint(s, 0, 64)`.
fn integer(text: &str) -> Option<Number> {
    let (negative, signed, digits) = match text.as_bytes().first()? {
        b'-' => (true, true, &text[1..]),
        b'+' => (false, true, &text[1..]),
        _ => (false, false, text),
    };
    let lower = digits.get(..2).map(str::to_ascii_lowercase);
    let (radix, digits) = match lower.as_deref() {
        Some("0x") => (16, &digits[2..]),
        Some("0o") => (8, &digits[2..]),
        Some("0b") => (2, &digits[2..]),
        _ if digits.len() > 1 && digits.starts_with('0') => (8, &digits[1..]),
        _ => (10, digits),
    };
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return None;
    }
    let value = u64::from_str_radix(digits, radix).ok()?;
    if negative {
        return 0i64.checked_sub_unsigned(value).map(Number::from);
    }
    // ParseUint takes no sign.
    if signed && i64::try_from(value).is_err() {
        None
    } else {
        Some(Number::from(value))
    }
}

/// `^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$`, in the range of a 64-bit float.
fn float(text: &str) -> Option<Number> {
    let bytes = text.strip_prefix(['+', '-']).unwrap_or(text).as_bytes();
    let digits = |from: usize| {
        bytes[from..]
            .iter()
            .take_while(|b| b.is_ascii_digit())
            .count()
    };
    let whole = digits(0);
    let mut at = whole;
    let mut fraction = 0;
    if bytes.get(at) == Some(&b'.') {
        fraction = digits(at + 1);
        at += 1 + fraction;
    }
    if whole + fraction == 0 {
        return None;
    }
    if matches!(bytes.get(at), Some(b'e' | b'E')) {
        at += 1;
        if matches!(bytes.get(at), Some(b'+' | b'-')) {
            at += 1;
        }
        let exponent = digits(at);
        if exponent == 0 {
            return None;
        }
        at += exponent;
    }
    if at != bytes.len() {
        return None;
    }
    text.parse::<f64>().ok().and_then(Number::from_f64)
}
