"""What schemas do not say of the Containerfile and the deployment."""

import sys
from pathlib import Path

import yaml
from dockerfile_parse import DockerfileParser

here = Path(sys.argv[1])
faults = []


def expect(is_right, what):
    if not is_right:
        faults.append(what)


# ---- The Containerfile -------------------------------------------------------------------------------------------------

file = DockerfileParser(fileobj=(here / "Containerfile").open("rb"), cache_content=True)
stages = []
for step in file.structure:
    if step["instruction"] == "FROM":
        stages.append([])
    if stages:
        stages[-1].append((step["instruction"], step["value"]))
expect(len(stages) == 2, "two stages: one that builds, one that runs")
last = stages[-1]
said = dict(last)
expect(said.get("USER") == "10001:10001", "a user by number, not root")
expect('"check", "--running"' in said.get("HEALTHCHECK", ""), "a health check that asks the running proxy")
expect(said.get("EXPOSE") == "8443", "port 8443")
expect(not any(instruction == "ADD" for stage in stages for instruction, _ in stage), "COPY in place of ADD")
expect(not any("latest" in image for image in file.parent_images), "images with a version")
copied = [value for instruction, value in last if instruction == "COPY"]
expect(all(value.startswith("--from=build ") for value in copied), "only what was built in the image that runs")
volumes = ["/etc/foreman-ipam-proxy", "/var/lib/foreman-ipam-proxy"]
expect(all(volume in said.get("VOLUME", "") for volume in volumes), "volumes for settings and state")
ignored = (here / "Containerfile.dockerignore").read_text().splitlines()
expect("*" in ignored and "!src" in ignored, "an ignore file that lets in only what the build reads")

# ---- The deployment ----------------------------------------------------------------------------------------------------

objects = {}
for manifest in sorted((here / "kubernetes").glob("*.yaml")):
    for content in yaml.safe_load_all(manifest.read_text()):
        objects[content["kind"]] = content
listed = set(objects["Kustomization"]["resources"])
expect(listed == {path.name for path in (here / "kubernetes").glob("*.yaml")} - {"kustomization.yaml"}, "every manifest listed")

spec = objects["Deployment"]["spec"]
pod = spec["template"]["spec"]
(container,) = pod["containers"]
expect(spec["replicas"] == 1 and spec["strategy"]["type"] == "Recreate", "one replica, and never two for a moment")
expect(pod["automountServiceAccountToken"] is False, "no token of the cluster")

# The profile "restricted" of the Pod Security Standards.
expect(not any(pod.get(key) for key in ("hostNetwork", "hostPID", "hostIPC")), "no namespace of the host")
allowed = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}
expect(all(set(volume) - {"name"} <= allowed for volume in pod["volumes"]), "only volumes that the profile allows")
security = container["securityContext"]
expect(security["allowPrivilegeEscalation"] is False, "no more privileges than at the start")
expect(security["capabilities"]["drop"] == ["ALL"] and "add" not in security["capabilities"], "no capability")
expect(pod["securityContext"]["runAsNonRoot"] is True, "no root")
expect(pod["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault", "a seccomp profile")
# Beyond it.
expect(security["readOnlyRootFilesystem"] is True, "a root that cannot be written to")
for key in ("runAsUser", "runAsGroup", "fsGroup"):
    expect(str(pod["securityContext"][key]) == said.get("USER", "").split(":")[0], f"{key} as in the Containerfile")
mounts = {mount["mountPath"]: mount.get("readOnly", False) for mount in container["volumeMounts"]}
expect(mounts == {volumes[0]: True, volumes[1]: False}, "settings read-only, and state")

for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
    get = container[probe]["httpGet"]
    expect((get["path"], get["port"], get["scheme"]) == ("/healthz", "https", "HTTPS"), f"{probe} asks /healthz")
(two,) = yaml.safe_load_all((here / "kubernetes-two-replicas/deployment.yaml").read_text())
(of_two,) = two["spec"]["template"]["spec"]["containers"]
expect(of_two["readinessProbe"] == {"httpGet": {"path": "/readyz"}}, "of two proxies, only one with a database in use")
(port,) = container["ports"]
(service,) = objects["Service"]["spec"]["ports"]
expect(port["containerPort"] == service["port"] == 8443 and service["targetPort"] == port["name"], "one port everywhere")
labels = spec["template"]["metadata"]["labels"]
for selector in (spec["selector"]["matchLabels"], objects["Service"]["spec"]["selector"],
                 objects["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"]):
    expect(selector.items() <= labels.items(), "selectors that find the pod")

# What is mounted is there, and readable by the group only.
(settings,) = [volume["projected"] for volume in pod["volumes"] if "projected" in volume]
expect(settings["defaultMode"] == 0o440, "settings for the group only")
for source in settings["sources"]:
    (kind, reference), = source.items()
    keys = {item["key"] for item in reference["items"]}
    content = objects["ConfigMap" if kind == "configMap" else "Secret"]
    if reference["name"] == content["metadata"]["name"]:
        expect(keys == set(content.get("data", {}) | content.get("stringData", {})), f"every key of the {kind} mounted")
    else:
        expect(keys == {"tls.crt", "tls.key", "ca.crt"}, "certificate, key and CA")

for fault in faults:
    print(f"packaging/container/look.py: expected {fault}", file=sys.stderr)
sys.exit(1 if faults else 0)
