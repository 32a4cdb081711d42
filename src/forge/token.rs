//! Tokens: taken when they are needed, from where the user keeps them already, for the one host they belong to.
//!
//! A token is never written, never logged, never part of a URL or a command line; [`Token`] cannot be printed. The order and the
//! isolation of hosts are those of `gh` (go-gh, `pkg/auth`): the variables for github.com are never sent to another host.
//! (gh itself also sends them to subdomains of ghe.com; here those need gh's own store, or git's helper.)

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::host::Kind;
use crate::exec::{self, Command};

/// A secret, and where it came from.
#[derive(Clone)]
pub struct Token {
    value: String,
    source: String,
}

impl Token {
    pub fn new(value: String, source: impl Into<String>) -> Token {
        Token {
            value,
            source: source.into(),
        }
    }

    /// `from GH_TOKEN`, `from gh`: safe to show.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// For the `Authorization` header, and nothing else.
    pub(super) fn value(&self) -> &str {
        &self.value
    }
}

/// Never the value.
impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({})", self.source)
    }
}

type Variables = dyn Fn(&str) -> Option<String> + Send + Sync;

/// Where tokens are looked for.
#[derive(Clone)]
pub struct Sources {
    environment: Arc<Variables>,
    directory: PathBuf,
}

/// Helpers may have to ask a key ring; they may not ask the user.
const TIMEOUT: Duration = Duration::from_secs(10);

impl Sources {
    /// The process's environment, and programs run in `directory` (a repository, whose configuration of credentials applies).
    pub fn system(directory: impl Into<PathBuf>) -> Sources {
        Sources::with(directory, |name| std::env::var(name).ok())
    }

    /// As [`Sources::system`], with these variables.
    pub fn with(
        directory: impl Into<PathBuf>,
        environment: impl Fn(&str) -> Option<String> + Send + Sync + 'static,
    ) -> Sources {
        Sources {
            environment: Arc::new(environment),
            directory: directory.into(),
        }
    }

    /// The token for `host`. Blocks: programs are run.
    pub fn token(&self, kind: Kind, host: &str) -> Option<Token> {
        self.of_environment(kind, host)
            .or_else(|| self.of_gh(kind, host))
            .or_else(|| self.of_git(host))
    }

    fn of_environment(&self, kind: Kind, host: &str) -> Option<Token> {
        let names: &[&str] = match kind {
            Kind::GitHub if host == "github.com" => &["GH_TOKEN", "GITHUB_TOKEN"],
            Kind::GitHub => &["GH_ENTERPRISE_TOKEN", "GITHUB_ENTERPRISE_TOKEN"],
            _ => &[],
        };
        names.iter().find_map(|name| {
            let value = self.variable(name)?;
            Some(Token::new(value, format!("from {name}")))
        })
    }

    fn variable(&self, name: &str) -> Option<String> {
        let value = (self.environment)(name)?.trim().to_owned();
        Some(value).filter(|value| !value.is_empty())
    }

    /// gh keeps its tokens in the key ring; it is asked each time, because the user may have switched accounts.
    fn of_gh(&self, kind: Kind, host: &str) -> Option<Token> {
        if kind != Kind::GitHub {
            return None;
        }
        let program = self.variable("GH_PATH").unwrap_or_else(|| "gh".to_owned());
        let value = self.run(Command::new(program).args(["auth", "token", "--hostname", host]))?;
        let value = value.trim().to_owned();
        (!value.is_empty()).then(|| Token::new(value, "from gh"))
    }

    /// What git itself would use over https. Helpers are asked, the user is not.
    fn of_git(&self, host: &str) -> Option<Token> {
        // The host becomes a line of a protocol.
        if host.contains(['\n', '\r', '\0']) {
            return None;
        }
        let command = Command::new("git")
            .args(["credential", "fill"])
            .env("GIT_ASKPASS", "")
            .env("SSH_ASKPASS", "")
            .env("GCM_INTERACTIVE", "never")
            .input(format!("protocol=https\nhost={host}\n\n"));
        let answer = self.run(command)?;
        let value = answer
            .lines()
            .find_map(|line| line.strip_prefix("password="))?;
        (!value.is_empty()).then(|| Token::new(value.to_owned(), "from git's credential helper"))
    }

    /// Standard output, if it went well. Where a helper is not installed or has nothing, there is no token: no error.
    fn run(&self, command: Command) -> Option<String> {
        let command = command
            .directory(&self.directory)
            .env("GIT_TERMINAL_PROMPT", "0")
            .timeout(TIMEOUT);
        let output = exec::run(&command).ok().filter(exec::Output::success)?;
        String::from_utf8(output.stdout).ok()
    }
}
