//! Generated histories of kustomizations and of Flux' objects: a commit's files follow from a choice per place, and an edit
//! chooses another.
//!
//! Small on purpose: what matters is which parts are there together, and what comes and goes between two commits.

use std::collections::BTreeMap;
use std::fmt;

use proptest::prelude::*;

use crate::support::TestRepo;

/// Path → text.
pub type Files = BTreeMap<String, String>;

/// What there is to choose; [`Place::choices`] says of how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    Web,
    WebStyle,
    WebNeighbour,
    WebBroken,
    Db,
    Unlisted,
    BaseListed,
    BaseNamespace,
    Generator,
    Properties,
    BaseBroken,
    Kustomized,
    Component,
    Overlay(Env),
    OverlayNamespace(Env),
    Prefix(Env),
    Images(Env),
    Patch(Env),
    PatchFile(Env),
    UsesComponent(Env),
    Replacement(Env),
    Own(Env),
    OwnListed(Env),
    OverlayBroken(Env),
    Labels(Env),
    OverlayStyle(Env),
    Merged(Env),
    Tools(usize),
    ToolsKustomized,
    Above,
    AboveNamespace,
    Flux,
    FluxTools,
    FluxShop,
    FluxNamespace,
    FluxPatch,
    FluxVariables,
    Settings,
    FluxSet,
    FluxOrdersPatch,
    FluxIgnore,
    Remote,
    Helmfile,
    Chart,
    ChartVersion,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Env {
    Dev,
    Production,
}

impl Env {
    fn name(self) -> &'static str {
        match self {
            Env::Dev => "dev",
            Env::Production => "production",
        }
    }
}

use Env::{Dev, Production};
use Place::*;

/// Every place, with the number of its choices.
const PLACES: &[(Place, u8)] = &[
    (Web, 4),
    (WebStyle, 3),
    (WebNeighbour, 4),
    (WebBroken, 4),
    (Db, 5),
    (Unlisted, 3),
    (BaseListed, 4),
    (BaseNamespace, 3),
    (Generator, 5),
    (Properties, 3),
    (BaseBroken, 6),
    (Kustomized, 3),
    (Component, 3),
    (Overlay(Dev), 3),
    (OverlayNamespace(Dev), 3),
    (Prefix(Dev), 3),
    (Images(Dev), 3),
    (Patch(Dev), 15),
    (PatchFile(Dev), 3),
    (UsesComponent(Dev), 2),
    (Replacement(Dev), 4),
    (Own(Dev), 4),
    (OwnListed(Dev), 2),
    (OverlayBroken(Dev), 5),
    (Labels(Dev), 4),
    (OverlayStyle(Dev), 3),
    (Merged(Dev), 3),
    (Overlay(Production), 3),
    (OverlayNamespace(Production), 3),
    (Prefix(Production), 3),
    (Images(Production), 3),
    (Patch(Production), 15),
    (PatchFile(Production), 3),
    (UsesComponent(Production), 2),
    (Replacement(Production), 4),
    (Own(Production), 4),
    (OwnListed(Production), 2),
    (OverlayBroken(Production), 5),
    (Labels(Production), 4),
    (OverlayStyle(Production), 3),
    (Merged(Production), 3),
    (Tools(0), 7),
    (Tools(1), 7),
    (ToolsKustomized, 4),
    (Above, 4),
    (AboveNamespace, 3),
    (Flux, 4),
    (FluxTools, 3),
    (FluxShop, 3),
    (FluxNamespace, 3),
    (FluxPatch, 5),
    (FluxVariables, 4),
    (Settings, 3),
    (FluxSet, 6),
    (FluxOrdersPatch, 4),
    (FluxIgnore, 3),
    (Remote, 4),
    (Helmfile, 3),
    (Chart, 3),
    (ChartVersion, 4),
];

/// Another choice for a place.
#[derive(Clone)]
pub struct Edit {
    place: Place,
    choice: u8,
}

impl fmt::Debug for Edit {
    /// In one line each: what fails has many.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Edit { place, choice } = self;
        f.write_str(&format!("{place:?}={choice}"))
    }
}

#[derive(Clone, Default)]
struct State(Vec<(Place, u8)>);

impl State {
    fn at(&self, place: Place) -> u8 {
        let mut chosen = self.0.iter().filter(|(other, _)| *other == place);
        chosen.next().map_or(0, |(_, choice)| *choice)
    }

    fn choose(&mut self, Edit { place, choice }: Edit) {
        self.0.retain(|(other, _)| *other != place);
        self.0.push((place, choice));
    }
}

fn object(api: &str, kind: &str, name: &str, rest: &str) -> String {
    format!("apiVersion: {api}\nkind: {kind}\nmetadata:\n  name: {name}\n{rest}")
}

fn config(name: &str, value: u8) -> String {
    object(
        "v1",
        "ConfigMap",
        name,
        &format!("data: {{key: v{value}}}\n"),
    )
}

/// It is configured by the ConfigMap `settings`, under whatever name that has.
fn deployment(name: &str, value: u8) -> String {
    let spec = format!(
        "  labels: {{app: {name}}}\nspec:\n  replicas: {}\n  selector: {{matchLabels: {{app: {name}}}}}\n  template:\n    metadata: {{labels: {{app: {name}}}}}\n    spec:\n      containers:\n      - name: main\n        image: {name}:{}\n        envFrom:\n        - configMapRef: {{name: settings}}\n",
        value % 2 + 1,
        value / 2
    );
    object("apps/v1", "Deployment", name, &spec)
}

fn listed(resources: &[&str]) -> String {
    format!("resources: [{}]\n", resources.join(", "))
}

const BROKEN: &str = "apiVersion: v1\nkind: [Broken\n";

/// The files that follow from what is chosen.
fn files(state: &State) -> Files {
    let mut files = Files::new();
    base(state, &mut files);
    for env in [Dev, Production] {
        overlay(state, env, &mut files);
    }
    tools(state, &mut files);
    flux(state, &mut files);
    match state.at(FluxIgnore) {
        0 => {}
        1 => drop(files.insert(
            ".sourceignore".to_owned(),
            "production/tools/b.yaml\n".to_owned(),
        )),
        _ => drop(files.insert("production/.sourceignore".to_owned(), "a.yaml\n".to_owned())),
    }
    if state.at(Helmfile) > 0 {
        let text = format!(
            "repositories: [{{name: r, url: 'https://example.com/charts'}}]\nreleases: [{{name: web, namespace: shop, chart: r/web, version: 1.{}.0}}]\n",
            state.at(Helmfile)
        );
        files.insert("helmfile.yaml".to_owned(), text);
    }
    files
}

fn base(state: &State, files: &mut Files) {
    let at = |place| state.at(place);
    let mut put = |name: &str, text: String| {
        files.insert(format!("apps/shop/base/{name}"), text);
    };
    let mut web = deployment("web", at(Web));
    if at(WebStyle) > 0 {
        web = format!("# {}\n{web}", at(WebStyle));
    }
    match at(WebNeighbour) {
        0 => {}
        3 => web = format!("{}---\n{web}", config("beside", 1)),
        value => web = format!("{web}---\n{}", config("beside", value)),
    }
    if at(WebBroken) == 3 {
        web = format!("{web}---\n{BROKEN}");
    }
    put("web.yaml", web);
    match at(Db) {
        0 => {}
        3 => put("db.yaml", config("db", 1)),
        4 => put("db.yaml", deployment("web", 1)),
        value => put("db.yaml", deployment("db", value)),
    }
    if at(Unlisted) > 0 {
        put("unlisted.yaml", config("unlisted", at(Unlisted)));
    }
    put("settings.properties", format!("level={}\n", at(Properties)));
    if at(Kustomized) == 2 {
        return;
    }
    let mut resources = match at(BaseListed) {
        3 => vec![],
        2 => vec!["db.yaml", "web.yaml"],
        _ => vec!["web.yaml"],
    };
    if at(BaseListed) == 1 && at(Unlisted) > 0 {
        resources.push("unlisted.yaml");
    }
    if at(BaseListed) < 2 && at(Db) > 0 {
        resources.push("db.yaml");
    }
    match at(Remote) {
        0 | 1 => {}
        2 => resources.push("https://example.com/acme/parts//deploy?ref=v1"),
        _ => resources.push("https://example.com/acme/parts//deploy?ref=v2"),
    }
    let mut kustomization = listed(&resources);
    kustomization += match at(BaseNamespace) {
        0 => "namespace: shop\n",
        1 => "namespace: store\n",
        _ => "",
    };
    kustomization += match at(Generator) {
        0 => "",
        1 => "configMapGenerator:\n- name: settings\n  literals: [level=1]\n",
        2 => "configMapGenerator:\n- name: settings\n  literals: [level=2]\n",
        3 => "configMapGenerator:\n- name: settings\n  files: [settings.properties]\n",
        _ => {
            "configMapGenerator:\n- name: settings\n  envs: [settings.properties]\n  options: {disableNameSuffixHash: true}\n"
        }
    };
    match at(BaseBroken) {
        3 => kustomization += "resources: [nowhere.yaml]\n",
        4 => kustomization += "patches: [{path: nowhere.yaml}]\n",
        5 => kustomization = "resources: [\n".to_owned(),
        _ => {}
    }
    put("kustomization.yaml", kustomization);

    if at(Component) < 2 {
        let patch = format!(
            "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\npatches:\n- target: {{kind: Deployment}}\n  patch: '[{{\"op\": \"add\", \"path\": \"/metadata/annotations\", \"value\": {{\"part\": \"{}\"}}}}]'\n",
            at(Component)
        );
        files.insert("components/extra/kustomization.yaml".to_owned(), patch);
    }
}

fn overlay(state: &State, env: Env, files: &mut Files) {
    let at = |place: fn(Env) -> Place| state.at(place(env));
    if at(Overlay) == 2 {
        return;
    }
    let directory = format!("apps/shop/overlays/{}", env.name());
    let mut put = |name: &str, text: String| {
        files.insert(format!("{directory}/{name}"), text);
    };
    match at(Own) {
        0 => {}
        3 => put("own.yaml", deployment("web", 3)),
        value => put("own.yaml", config("own", value)),
    }
    put(
        "patch.yaml",
        object(
            "apps/v1",
            "Deployment",
            "web",
            &format!("spec: {{minReadySeconds: {}}}\n", at(PatchFile)),
        ),
    );
    let value = at(PatchFile);
    put(
        "patch.json",
        format!(
            "[{{\"op\": \"add\", \"path\": \"/spec/paused\", \"value\": {}}}]\n",
            value > 0
        ),
    );
    put(
        "rename.patch",
        format!("- {{op: replace, path: /metadata/name, value: front-{value}}}\n"),
    );
    let mut resources = vec!["../../base"];
    if at(Own) > 0 && at(OwnListed) == 0 {
        resources.push("own.yaml");
    }
    let mut text = listed(&resources);
    if at(OverlayStyle) > 0 {
        text = format!("# {}\nkind: Kustomization\n{text}", at(OverlayStyle));
    }
    text += match at(OverlayNamespace) {
        0 => "",
        1 => "namespace: shop\n",
        _ => "namespace: other\n",
    };
    text += match at(Prefix) {
        0 => "",
        1 => "namePrefix: x-\n",
        _ => "nameSuffix: -y\n",
    };
    match at(Images) {
        0 => {}
        tag => text += &format!("images: [{{name: web, newTag: v{tag}}}]\n"),
    }
    text += match at(Patch) {
        0 => "",
        1 => {
            "patches:\n- patch: |-\n    apiVersion: apps/v1\n    kind: Deployment\n    metadata: {name: web}\n    spec: {revisionHistoryLimit: 1}\n"
        }
        2 => {
            "patches:\n- target: {kind: Deployment, name: web}\n  patch: '[{op: replace, path: /spec/replicas, value: 7}]'\n"
        }
        3 => "patches:\n- path: patch.yaml\n",
        4 => "patches:\n- path: patch.json\n  target: {kind: Deployment}\n",
        5 => "patches:\n- path: patch.json\n  target: {labelSelector: app=db}\n",
        6 => {
            "patches:\n- patch: |-\n    apiVersion: apps/v1\n    kind: Deployment\n    metadata: {name: web}\n    $patch: delete\n"
        }
        7 => "patchesStrategicMerge: [patch.yaml]\n",
        // Fails where there is no such object.
        8 => {
            "patches:\n- patch: |-\n    apiVersion: apps/v1\n    kind: Deployment\n    metadata: {name: db}\n    spec: {revisionHistoryLimit: 1}\n"
        }
        // Fails for what an object says.
        9 => {
            "patches:\n- target: {kind: ConfigMap, name: own}\n  patch: '[{op: test, path: /data/key, value: v1}]'\n"
        }
        10 => {
            "patches:\n- target: {kind: ConfigMap, name: own}\n  patch: '[{op: add, path: /data/more, value: v1}]'\n"
        }
        11 => {
            "patches:\n- target: {kind: Deployment, name: web}\n  patch: '[{op: replace, path: /metadata/name, value: front}]'\n"
        }
        // Called like another one, where that is there.
        12 => {
            "patches:\n- target: {kind: Deployment, name: web}\n  patch: '[{op: replace, path: /metadata/name, value: db}]'\n"
        }
        13 => "patches:\n- path: rename.patch\n  target: {kind: Deployment, name: web}\n",
        _ => {
            "patchesJson6902:\n- path: rename.patch\n  target: {version: v1, kind: ConfigMap, name: own}\n"
        }
    };
    if at(UsesComponent) > 0 {
        text += "components: [../../../../components/extra]\n";
    }
    let replacement = "source: {kind: ConfigMap, name: own, fieldPath: data.key}\n  targets:\n  - select: {kind: Deployment, name: web}\n    fieldPaths: [metadata.labels.app]\n";
    put("replacement.yaml", replacement.replace("\n  ", "\n"));
    let takes = match at(Own) {
        1 | 2 if at(OwnListed) == 0 => at(Replacement),
        _ => at(Replacement) / 2 * 2,
    };
    match takes {
        1 => text += &format!("replacements:\n- {replacement}"),
        2 => text += "replacements: [{path: replacement.yaml}]\n",
        3 => {
            text += "vars:\n- name: KEY\n  objref: {apiVersion: v1, kind: ConfigMap, name: own}\n  fieldref: {fieldpath: data.key}\n"
        }
        _ => {}
    }
    text += match at(Labels) {
        0 => "",
        1 => "commonLabels: {team: a}\n",
        2 => "labels: [{pairs: {team: b}}]\n",
        _ => "commonAnnotations: {note: c}\n",
    };
    match at(Merged) {
        0 => {}
        value => {
            text += &format!(
                "configMapGenerator:\n- name: settings\n  behavior: merge\n  literals: [more={value}]\n"
            )
        }
    }
    match at(OverlayBroken) {
        3 => put("kustomization.yml", text.clone()),
        4 => text = "resources: [\n".to_owned(),
        _ => {}
    }
    put("kustomization.yaml", text);
}

/// Manifests, as they are; their directory may become a kustomization.
fn tools(state: &State, files: &mut Files) {
    let mut there = Vec::new();
    for (file, name) in [(0, "a"), (1, "b")] {
        let text = match state.at(Tools(file)) {
            0 => continue,
            4 => format!("{}---\n{}", config("both", 1), config(name, 1)),
            5 => format!("apiVersion: v1\nkind: ConfigMap\nmeta: {name}\n"),
            6 => config(name, 5).replace("\ndata:", "\n  namespace: shop\ndata:"),
            3 => deployment("web", 0).replace("  labels:", "  namespace: shop\n  labels:"),
            value => config(name, value).replace("key: v2", "key: '${zone}'"),
        };
        files.insert(format!("production/tools/{name}.yaml"), text);
        there.push(format!("{name}.yaml"));
    }
    let there: Vec<&str> = there.iter().map(String::as_str).collect();
    let text = match state.at(ToolsKustomized) {
        1 if !there.is_empty() => listed(&there),
        2 if !there.is_empty() => format!("namespace: tools\n{}", listed(&there)),
        3 if !there.is_empty() => listed(&there[..1]),
        _ => return,
    };
    files.insert("production/tools/kustomization.yaml".to_owned(), text);
}

/// A cluster, by Flux or by a kustomization of all there is.
fn flux(state: &State, files: &mut Files) {
    let at = |place| state.at(place);
    let mut put = |name: &str, text: String| {
        files.insert(format!("clusters/production/{name}"), text);
    };
    if at(Above) > 1 {
        let namespace = match at(AboveNamespace) {
            0 => "",
            1 => "namespace: above\n",
            _ => "namespace: shop\n",
        };
        let more = match at(Above) {
            2 => "../../apps/shop/overlays/production",
            _ => "../../apps/shop/overlays/production, ../../production/tools",
        };
        put(
            "kustomization.yaml",
            format!("{namespace}{}", listed(&[more])),
        );
    }
    if at(Flux) == 0 {
        return;
    }
    let kustomization = |name: &str, spec: &str| {
        let spec = format!(
            "  namespace: flux-system\nspec:\n  sourceRef: {{kind: GitRepository, name: flux-system}}\n{spec}"
        );
        object(
            "kustomize.toolkit.fluxcd.io/v1",
            "Kustomization",
            name,
            &spec,
        )
    };
    // Another deployer's patch of orders makes them be rendered.
    let patched = match at(FluxOrdersPatch) {
        0 => "",
        1 => {
            "  patches:\n  - target: {kind: Kustomization, name: tools}\n    patch: '[{op: add, path: /spec/targetNamespace, value: by-patch}]'\n"
        }
        2 => {
            "  patches:\n  - target: {kind: HelmRelease}\n    patch: '[{op: add, path: /spec/releaseName, value: by-patch}]'\n"
        }
        _ => {
            "  patches:\n  - target: {kind: Kustomization, name: shop}\n    patch: '[{op: replace, path: /spec/path, value: ./apps/shop/base}]'\n"
        }
    };
    if at(Flux) == 3 {
        let instance = object(
            "fluxcd.controlplane.io/v1",
            "FluxInstance",
            "flux",
            &format!(
                "  namespace: flux-system\nspec:\n  distribution: {{version: 2.{}.x}}\n  sync: {{kind: GitRepository, url: 'ssh://git@example.com/acme/env.git', ref: refs/heads/main, path: clusters/production}}\n",
                at(ChartVersion)
            ),
        );
        put("instance.yaml", instance);
    }
    if at(Flux) == 1 {
        let source = object(
            "source.toolkit.fluxcd.io/v1",
            "GitRepository",
            "flux-system",
            "  namespace: flux-system\nspec: {url: 'ssh://git@example.com/acme/env.git', ref: {branch: main}}\n",
        );
        let path = "  path: ./clusters/production\n";
        let own = kustomization("flux-system", &format!("{path}{patched}"));
        put("flux-system/gotk-sync.yaml", format!("{source}---\n{own}"));
    }
    let mut more = match at(FluxNamespace) {
        0 => "",
        1 => "  targetNamespace: flux-tools\n",
        _ => "  targetNamespace: shop\n",
    }
    .to_owned();
    more += match at(FluxPatch) {
        0 => "",
        1 => {
            "  patches:\n  - target: {kind: ConfigMap}\n    patch: '[{op: add, path: /data/more, value: m1}]'\n"
        }
        2 => {
            "  patches:\n  - target: {kind: ConfigMap}\n    patch: '[{op: add, path: /data/more, value: m2}]'\n"
        }
        3 => {
            "  patches:\n  - patch: |\n      apiVersion: v1\n      kind: ConfigMap\n      metadata: {name: a}\n      data: {patched: 'yes'}\n"
        }
        _ => "  images: [{name: web, newTag: by-flux}]\n",
    };
    more += match at(FluxVariables) {
        0 => "",
        1 => "  postBuild: {substitute: {zone: north}}\n",
        2 => "  postBuild: {substitute: {zone: south}}\n",
        _ => "  postBuild: {substituteFrom: [{kind: ConfigMap, name: settings}]}\n",
    };
    let mut apps = Vec::new();
    if at(FluxTools) > 0 {
        let path = ["", "./production/tools", "./production"][usize::from(at(FluxTools))];
        apps.push(kustomization("tools", &format!("  path: {path}\n{more}")));
    }
    if at(FluxShop) > 0 {
        let path = ["", "./apps/shop/overlays/production", "./apps/shop/base"];
        let path = path[usize::from(at(FluxShop))];
        apps.push(kustomization("shop", &format!("  path: {path}\n{more}")));
    }
    if !apps.is_empty() {
        put("apps.yaml", apps.join("---\n"));
    }
    let settings = format!(
        "  namespace: flux-system\ndata: {{zone: z{}}}\n",
        at(Settings)
    );
    put(
        "settings.yaml",
        object("v1", "ConfigMap", "settings", &settings),
    );
    if at(FluxSet) > 0 {
        let set = |spec: &str| {
            let spec = format!("  namespace: flux-system\nspec:\n{spec}");
            object("fluxcd.controlplane.io/v1", "ResourceSet", "made", &spec)
        };
        let applied = kustomization("by-set", "  path: ./production/tools\n");
        let applied: String = applied
            .lines()
            .map(|line| format!("    {line}\n"))
            .collect();
        let made = match at(FluxSet) {
            value @ (1 | 2) => set(&format!(
                "  inputs: [{{name: b}}]\n  resources:\n  - {{apiVersion: v1, kind: ConfigMap, metadata: {{name: << inputs.name >>, namespace: shop}}, data: {{key: v{value}}}}}\n"
            )),
            3 => set(&format!("  resourcesTemplate: |\n{applied}")),
            4 => set(&format!(
                "  inputsFrom: [{{kind: ResourceSetInputProvider, name: p}}]\n  resourcesTemplate: |\n{applied}"
            )),
            _ => set("  resourcesTemplate: |\n    << if .a >>\n    a: b\n    << end >>\n"),
        };
        put("set.yaml", made);
    }
    if at(Chart) > 0 {
        let version = at(ChartVersion);
        let place = if version == 3 {
            "charts/cache"
        } else {
            "cache"
        };
        let repository = format!(
            "  namespace: flux-system\nspec: {{url: 'oci://example.com/{place}', ref: {{tag: 1.{version}.0}}}}\n"
        );
        let release =
            "  namespace: flux-system\nspec:\n  chartRef: {kind: OCIRepository, name: cache}\n";
        let repository = object(
            "source.toolkit.fluxcd.io/v1",
            "OCIRepository",
            "cache",
            &repository,
        );
        let release = object("helm.toolkit.fluxcd.io/v2", "HelmRelease", "cache", release);
        match at(Chart) {
            1 => put("cache.yaml", format!("{repository}---\n{release}")),
            _ => {
                files.insert(
                    "apps/shop/overlays/production/cache.yaml".to_owned(),
                    format!("{repository}---\n{release}"),
                );
            }
        }
    }
}

fn edits() -> impl Strategy<Value = Edit> {
    let all = (0..PLACES.len(), any::<prop::sample::Index>(), 0..4_u8);
    all.prop_map(|(place, choice, luck)| {
        let (place, choices) = PLACES[place];
        // Where nothing can be built there is nothing to tell apart.
        let is_fatal = matches!(
            place,
            WebBroken | BaseBroken | Kustomized | Overlay(_) | OverlayBroken(_) | Remote
        );
        let choice = match is_fatal && luck > 0 {
            true => 0,
            false => choice.index(usize::from(choices)) as u8,
        };
        Edit { place, choice }
    })
}

/// The edits of each commit; the first makes more than the others.
pub fn steps() -> impl Strategy<Value = Vec<Vec<Edit>>> {
    let first = prop::collection::vec(edits(), 0..24);
    let rest = prop::collection::vec(prop::collection::vec(edits(), 1..4), 3..12);
    (first, rest).prop_map(|(first, mut rest)| {
        rest.insert(0, first);
        rest
    })
}

/// Steps as a failure prints them, to look into one by hand.
pub fn read(steps: &str) -> Vec<Vec<Edit>> {
    let edit = |text: &str| {
        let (name, choice) = text.trim().rsplit_once('=').expect("a choice");
        let mut places = PLACES.iter().map(|(place, _)| *place);
        let place = places.find(|place| format!("{place:?}") == name);
        Edit {
            place: place.expect("a place"),
            choice: choice.parse().expect("a number"),
        }
    };
    let commits = steps.split('[').skip(1);
    let commits = commits.map(|rest| rest.split_once(']').expect("its end").0.trim());
    let edits = |commit: &str| match commit {
        "" => Vec::new(),
        _ => commit.split(',').map(edit).collect(),
    };
    commits.map(edits).collect()
}

/// The files of every commit, oldest first.
pub fn line(steps: &[Vec<Edit>]) -> Vec<Files> {
    let mut state = State::default();
    steps
        .iter()
        .map(|edits| {
            for edit in edits {
                state.choose(edit.clone());
            }
            files(&state)
        })
        .collect()
}

/// Writes the line with `git fast-import`; answers the tip.
pub fn write(repo: &TestRepo, line: &[Files]) -> String {
    let mut stream = String::new();
    for (at, files) in line.iter().enumerate() {
        let time = 1_704_067_200 + at * 3600;
        stream += &format!(
            "commit refs/heads/main\nauthor A <a@example.com> {time} +0000\ncommitter A <a@example.com> {time} +0000\ndata 0\ndeleteall\n"
        );
        for (path, text) in files {
            stream += &format!("M 100644 inline {path}\ndata {}\n{text}\n", text.len());
        }
    }
    stream += "done\n";
    let command = ["fast-import", "--quiet", "--done", "--force"];
    repo.git_with(&command, stream.as_bytes());
    repo.rev("refs/heads/main")
}
