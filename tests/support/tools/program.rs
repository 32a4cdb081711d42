//! What is built, from which package, and with what beside it.

use std::fs;
use std::path::{Path, PathBuf};

use ring::digest::{Context, SHA256};

/// A program and how `go build` makes it.
pub struct Program {
    pub name: &'static str,
    pub module: Module,
    pub package: &'static str,
    /// Build tags, separated by commas.
    pub tags: &'static str,
    /// What the program's own release build would write into it.
    pub stamps: &'static [Stamp],
    pub beside: &'static [Beside],
}

/// A folder under `tests/stack` with a go.mod. Gitea's replaces modules that the others use too, so it stands apart.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Module {
    Servers,
    Gitea,
}

/// A variable that gets the version of a required module, or one part of it.
pub struct Stamp {
    pub variable: &'static str,
    pub of: &'static str,
    pub part: Part,
}

#[derive(Clone, Copy)]
pub enum Part {
    /// `v1.36.3`
    Tag,
    /// `1.36.3`
    Number,
    /// `1`
    Major,
    /// `36`
    Minor,
}

/// Files of a module that a server needs at run time, copied next to it: `from` in the module, `to` beside the program.
pub struct Beside {
    pub module: &'static str,
    pub from: &'static str,
    pub to: &'static str,
}

const fn stamp(variable: &'static str, of: &'static str, part: Part) -> Stamp {
    Stamp { variable, of, part }
}

const KUBERNETES: &str = "k8s.io/kubernetes";
const HELM_MODULE: &str = "helm.sh/helm/v3";
pub const FLUX_MODULE: &str = "github.com/fluxcd/flux2/v2";
const ARGO_MODULE: &str = "github.com/argoproj/argo-cd/v3";
const KUSTOMIZE_CONTROLLER_MODULE: &str = "github.com/fluxcd/kustomize-controller";
/// Wanted for its definitions only, and so no requirement: what it is made of cannot be had as modules.
const SOURCE_CONTROLLER_MODULE: &str = "github.com/fluxcd/source-controller@v1.9.5";
const GITEA_MODULE: &str = "code.gitea.io/gitea";

/// Without these, kubectl cannot read the version that the server answers, nor the audit log name kubectl's.
const KUBERNETES_VERSION: &[Stamp] = &[
    stamp("k8s.io/client-go/pkg/version.gitVersion", KUBERNETES, Part::Tag),
    stamp("k8s.io/component-base/version.gitVersion", KUBERNETES, Part::Tag),
    stamp("k8s.io/component-base/version.gitMajor", KUBERNETES, Part::Major),
    stamp("k8s.io/component-base/version.gitMinor", KUBERNETES, Part::Minor),
];

const fn program(name: &'static str, package: &'static str) -> Program {
    Program {
        name,
        module: Module::Servers,
        package,
        tags: "",
        stamps: &[],
        beside: &[],
    }
}

pub static KUBECTL: Program = Program {
    stamps: KUBERNETES_VERSION,
    ..program("kubectl", "k8s.io/kubernetes/cmd/kubectl")
};

pub static KUSTOMIZE: Program = Program {
    stamps: &[stamp(
        "sigs.k8s.io/kustomize/api/provenance.version",
        "sigs.k8s.io/kustomize/kustomize/v5",
        Part::Tag,
    )],
    ..program("kustomize", "sigs.k8s.io/kustomize/kustomize/v5")
};

pub static HELM: Program = Program {
    stamps: &[
        stamp("helm.sh/helm/v3/internal/version.version", HELM_MODULE, Part::Tag),
        stamp("helm.sh/helm/v3/pkg/chartutil.k8sVersionMajor", KUBERNETES, Part::Major),
        stamp("helm.sh/helm/v3/pkg/chartutil.k8sVersionMinor", KUBERNETES, Part::Minor),
    ],
    ..program("helm", "helm.sh/helm/v3/cmd/helm")
};

pub static HELMFILE: Program = Program {
    stamps: &[stamp(
        "go.szostok.io/version.version",
        "github.com/helmfile/helmfile",
        Part::Tag,
    )],
    ..program("helmfile", "github.com/helmfile/helmfile")
};

pub static FLUX: Program = Program {
    stamps: &[stamp("main.VERSION", FLUX_MODULE, Part::Number)],
    ..program("flux", "github.com/fluxcd/flux2/v2/cmd/flux")
};

static ETCD: Program = program("etcd", "go.etcd.io/etcd/server/v3");

static APISERVER: Program = Program {
    stamps: KUBERNETES_VERSION,
    ..program("kube-apiserver", "k8s.io/kubernetes/cmd/kube-apiserver")
};

static CONTROLLERS: Program = Program {
    stamps: KUBERNETES_VERSION,
    ..program("kube-controller-manager", "k8s.io/kubernetes/cmd/kube-controller-manager")
};

static KUSTOMIZE_CONTROLLER: Program = Program {
    beside: &[
        Beside {
            module: SOURCE_CONTROLLER_MODULE,
            from: "config/crd/bases",
            to: "crds",
        },
        Beside {
            module: KUSTOMIZE_CONTROLLER_MODULE,
            from: "config/crd/bases",
            to: "crds",
        },
    ],
    ..program("kustomize-controller", KUSTOMIZE_CONTROLLER_MODULE)
};

static ARGO: Program = Program {
    beside: &[
        Beside {
            module: ARGO_MODULE,
            from: "manifests/crds",
            to: "crds",
        },
        Beside {
            module: ARGO_MODULE,
            from: "manifests/base/config",
            to: "config",
        },
        // The repo server verifies commits with this script, from its PATH.
        Beside {
            module: ARGO_MODULE,
            from: "hack/git-verify-wrapper.sh",
            to: "git-verify-wrapper.sh",
        },
    ],
    ..program("argocd", "./argocd")
};

static GITEA: Program = Program {
    module: Module::Gitea,
    tags: "sqlite,sqlite_unlock_notify",
    stamps: &[stamp("main.Version", GITEA_MODULE, Part::Number)],
    beside: &[
        Beside {
            module: GITEA_MODULE,
            from: "templates",
            to: "templates",
        },
        Beside {
            module: GITEA_MODULE,
            from: "options",
            to: "options",
        },
        Beside {
            module: GITEA_MODULE,
            from: "public",
            to: "public",
        },
    ],
    ..program("gitea", GITEA_MODULE)
};

pub static LAUNCHER: Program = program("launch", "./launch");

/// In the order of a first build: what other tests wait for comes first.
pub static ALL: [&Program; 12] = [
    &KUSTOMIZE,
    &HELM,
    &KUBECTL,
    &HELMFILE,
    &FLUX,
    &ETCD,
    &APISERVER,
    &CONTROLLERS,
    &KUSTOMIZE_CONTROLLER,
    &ARGO,
    &GITEA,
    &LAUNCHER,
];

impl Module {
    pub fn path(self) -> PathBuf {
        let stack = Path::new(env!("CARGO_MANIFEST_DIR")).join("../stack/servers");
        match self {
            Module::Servers => stack,
            Module::Gitea => stack.join("gitea"),
        }
    }

    /// The version that go.mod requires of `module`: `v1.2.3`.
    pub fn requires(self, module: &str) -> String {
        let text = fs::read_to_string(self.path().join("go.mod")).expect("go.mod");
        let version = text.lines().find_map(|line| {
            let mut words = line.split_whitespace().filter(|word| *word != "require");
            (words.next() == Some(module)).then(|| words.next())?
        });
        version
            .unwrap_or_else(|| panic!("{module} is not in go.mod"))
            .to_owned()
    }
}

impl Stamp {
    /// The argument of `go build -ldflags` that sets the variable.
    pub fn flag(&self, module: Module) -> String {
        let tag = module.requires(self.of);
        let number = tag.trim_start_matches('v');
        let mut parts = number.split('.');
        let value = match self.part {
            Part::Tag => &tag,
            Part::Number => number,
            Part::Major => parts.next().unwrap_or_default(),
            Part::Minor => parts.nth(1).unwrap_or_default(),
        };
        format!("-X {}={value}", self.variable)
    }
}

impl Program {
    /// The directory it is kept in. What it is built from is in the name: a program that is there is the right one.
    pub fn directory(&self) -> String {
        let module = self.module.path();
        let mut files = vec![module.join("go.mod"), module.join("go.sum")];
        if let Some(own) = self.package.strip_prefix("./") {
            files.extend(sources(&module.join(own)));
        }
        let mut hash = Context::new(&SHA256);
        for recipe in [include_str!("build.rs"), include_str!("program.rs")] {
            hash.update(recipe.as_bytes());
        }
        hash.update(std::env::consts::OS.as_bytes());
        hash.update(std::env::consts::ARCH.as_bytes());
        for file in files {
            hash.update(&fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display())));
        }
        let hash: String = hash.finish().as_ref()[..8]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        format!("{}-{hash}", self.name)
    }
}

/// The files that the package in this directory is made of, in a fixed order.
fn sources(package: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(package).expect("a package of ours");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("entry").path()).collect();
    files.sort();
    files
}
