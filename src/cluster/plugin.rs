//! Credential plugins (`aws eks get-token`, `kubelogin`, …), as client-go runs them.
//!
//! They are somebody's programs and run as all others do: in a process group of their own, so that they cannot read the
//! terminal, with none of our screen for their output, and ended with all they started when their time is up. kube would
//! run them with neither a limit nor an end, three times for each client, and again in the middle of a request.

use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use jiff::Timestamp;
use kube::config::{AuthInfo, ExecConfig};
use serde::Deserialize;
use serde_json::json;

use super::{Error, error};
use crate::exec;
use crate::task::Cancel;

/// No token or certificate is longer.
const MOST_OUTPUT: usize = 1 << 20;

/// What a plugin prints. JSON, but client-go takes YAML too, and some print it.
#[derive(Deserialize)]
struct Printed {
    status: Option<Given>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Given {
    expiration_timestamp: Option<Timestamp>,
    token: Option<String>,
    client_certificate_data: Option<String>,
    client_key_data: Option<String>,
}

/// Puts what the user's plugin gives, where there is one, into `user`; until when it is good. Ends the plugin when not
/// waited for any longer.
pub(super) async fn run(
    user: &mut AuthInfo,
    context: &str,
    limit: Duration,
) -> Result<Option<Timestamp>, Error> {
    // What is written down comes before what is asked for.
    let is_known = user.token.is_some() || user.token_file.is_some() || user.password.is_some();
    let Some(plugin) = user.exec.take().filter(|_| !is_known) else {
        return Ok(None);
    };
    let name = plugin.command.clone().unwrap_or_default();
    let failed = |why: String| Error::Plugin {
        context: context.to_owned(),
        command: name.clone(),
        why,
    };
    let cancel = Cancel::new();
    let command = command(&plugin).timeout(limit).cancel(&cancel);
    let _ends_with_us = cancel.drop_guard();
    let ended = tokio::task::spawn_blocking(move || exec::run(&command)).await;
    let output = match ended {
        Ok(Ok(output)) => output,
        Ok(Err(exec::Error::NotFound { .. })) => {
            let hint = plugin.install_hint.as_deref().map(crate::text::clean_line);
            return Err(Error::NoPlugin {
                context: context.to_owned(),
                hint: hint.unwrap_or_else(|| format!("install {name}, as for kubectl")),
                command: name,
            });
        }
        Ok(Err(exec::Error::Timeout { .. })) => {
            return Err(failed(format!(
                "it did not end within {limit:?}; it may wait for somebody to log in"
            )));
        }
        Ok(Err(exec::Error::Spawn { source, .. })) => return Err(failed(source.to_string())),
        Ok(Err(error @ exec::Error::TooMuchOutput { .. })) => {
            return Err(failed(error.to_string()));
        }
        Ok(Err(exec::Error::Cancelled { .. })) | Err(_) => {
            return Err(failed("it was ended".to_owned()));
        }
    };
    if !output.success() {
        return Err(failed(error::plugin(&output)));
    }
    // The parser's message may quote a token.
    let printed: Option<Printed> = serde_yaml::from_slice(&output.stdout).ok();
    let given = printed.and_then(|printed| printed.status);
    let given = given.ok_or_else(|| failed("it printed no credentials".to_owned()))?;
    let certificate = given.client_certificate_data.zip(given.client_key_data);
    if given.token.is_none() && certificate.is_none() {
        return Err(failed("it printed no token".to_owned()));
    }
    user.token = given.token.map(Into::into);
    if let Some((certificate, key)) = certificate {
        user.client_certificate_data = Some(BASE64_STANDARD.encode(certificate));
        user.client_key_data = Some(BASE64_STANDARD.encode(key).into());
    }
    Ok(given.expiration_timestamp)
}

fn command(plugin: &ExecConfig) -> exec::Command {
    let mut command = exec::Command::new(plugin.command.clone().unwrap_or_default())
        .args(plugin.args.iter().flatten())
        .max_output(MOST_OUTPUT)
        .hide_args();
    for variable in plugin.env.iter().flatten() {
        if let (Some(name), Some(value)) = (variable.get("name"), variable.get("value")) {
            command = command.env(name, value);
        }
    }
    let mut spec = json!({"interactive": false});
    if let Some(cluster) = &plugin.cluster {
        spec["cluster"] = json!(cluster);
    }
    let info = json!({"kind": "ExecCredential", "apiVersion": plugin.api_version, "spec": spec});
    command = command.env("KUBERNETES_EXEC_INFO", info.to_string());
    for name in plugin.drop_env.iter().flatten() {
        command = command.env_remove(name);
    }
    command
}
