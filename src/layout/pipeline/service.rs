//! Build servers, and the files that tell them what to do.

use crate::git::{BStr, ByteSlice};
use crate::layout::is_ignored;
use crate::render::tree::file_name;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Service {
    Atlantis,
    Azure,
    Bitbucket,
    CircleCi,
    CloudBuild,
    Drone,
    Forgejo,
    Gitea,
    GitHub,
    GitLab,
    Jenkins,
    Travis,
    /// A tool whose file is read by whoever runs it, with the command that deploys.
    Other(&'static str),
}

impl Service {
    pub(super) fn name(self) -> &'static str {
        match self {
            Service::Atlantis => "Atlantis",
            Service::Azure => "Azure Pipelines",
            Service::Bitbucket => "Bitbucket Pipelines",
            Service::CircleCi => "CircleCI",
            Service::CloudBuild => "Cloud Build",
            Service::Drone => "Drone",
            Service::Forgejo => "Forgejo Actions",
            Service::Gitea => "Gitea Actions",
            Service::GitHub => "GitHub Actions",
            Service::GitLab => "GitLab CI",
            Service::Jenkins => "Jenkins",
            Service::Travis => "Travis CI",
            Service::Other("skaffold run") => "Skaffold",
            Service::Other(_) => "werf",
        }
    }
}

/// The service that reads a file of this name, if one does.
pub(super) fn service(path: &BStr) -> Option<Service> {
    const DIRECTORIES: [(&[u8], Service); 7] = [
        (b".github/workflows/", Service::GitHub),
        (b".gitea/workflows/", Service::Gitea),
        (b".forgejo/workflows/", Service::Forgejo),
        (b".gitlab/", Service::GitLab),
        (b".gitlab-ci/", Service::GitLab),
        (b".azure-pipelines/", Service::Azure),
        (b".azuredevops/", Service::Azure),
    ];
    let name = file_name(path).to_str_lossy().to_lowercase();
    let yaml = name.ends_with(".yml") || name.ends_with(".yaml");
    let bare = name.trim_end_matches(".yml").trim_end_matches(".yaml");
    let directory = DIRECTORIES
        .iter()
        .find(|(directory, _)| path.starts_with(directory));
    if let Some((_, service)) = directory {
        return yaml.then_some(*service);
    }
    match path.as_bytes() {
        b".circleci/config.yml" => return Some(Service::CircleCi),
        b"atlantis.yaml" => return Some(Service::Atlantis),
        _ => {}
    }
    if is_ignored(path) {
        return None;
    }
    if name == "jenkinsfile" || name.starts_with("jenkinsfile.") || name.ends_with(".jenkinsfile") {
        return Some(Service::Jenkins);
    }
    if !yaml {
        return None;
    }
    Some(match bare {
        ".travis" => Service::Travis,
        ".drone" => Service::Drone,
        "bitbucket-pipelines" => Service::Bitbucket,
        "skaffold" => Service::Other("skaffold run"),
        "werf" => Service::Other("werf converge"),
        _ if bare.ends_with(".gitlab-ci") => Service::GitLab,
        _ if bare.starts_with("azure-pipelines") => Service::Azure,
        _ if bare.starts_with("cloudbuild") => Service::CloudBuild,
        _ => return None,
    })
}
