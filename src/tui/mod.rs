//! tui

pub struct Settings;
impl Settings {
    pub fn new(
        _: Option<String>,
        _: std::collections::BTreeMap<String, String>,
        _: &std::path::Path,
    ) -> anyhow::Result<Settings> {
        Ok(Settings)
    }
}
pub async fn run(_: crate::review::Workspace, _: Settings) -> anyhow::Result<()> {
    Ok(())
}
