//! The user's own settings: `$XDG_CONFIG_HOME/gitopsy/config.toml`, and where state lives.
