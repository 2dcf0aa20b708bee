#!/usr/bin/env bash
# Print install/detour.yaml: the chart as one file, for clusters without Helm.
#
# usage: install/generate.sh > install/detour.yaml     (HELM names the program)
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."

cat <<'END'
# Detour in one file, made from the chart by install/generate.sh.
#
# Needs Kubernetes 1.30 or newer. Before you apply it: put the registry that
# holds Detour's image in the place of registry.example.com, and write your
# rules in the ConfigMap detour-rules, or as ClusterImageMap objects afterwards.
# Add the namespaces of the mirror in two places: --exempt-namespaces and the
# namespaceSelector.
apiVersion: v1
kind: Namespace
metadata:
  name: detour
  labels:
    pod-security.kubernetes.io/enforce: restricted
END
"${HELM:-helm}" template detour chart --namespace detour --values install/values.yaml |
	sed -e '/^# Source: /d' -e '/^ *helm\.sh\/chart: /d' -e '/^ *app\.kubernetes\.io\/managed-by: Helm$/d'
