{{/* Names, labels, and what several objects must agree on. */}}

{{- define "detour.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "detour.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 52 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "detour.selectorLabels" -}}
app.kubernetes.io/name: {{ include "detour.name" . | toYaml }}
app.kubernetes.io/instance: {{ .Release.Name | toYaml }}
{{- end -}}

{{- define "detour.chartLabels" -}}
{{ include "detour.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{/*
metadata of an object but for its name: (list $ LABELS ANNOTATIONS).
The chart's own labels win, so that selectors keep matching.
*/}}
{{- define "detour.metadata" -}}
{{- $root := index . 0 -}}
{{- $own := include "detour.chartLabels" $root | fromYaml -}}
{{- $labels := merge dict $own (index . 1 | default dict) ($root.Values.commonLabels | default dict) -}}
{{- $annotations := merge dict (index . 2 | default dict) ($root.Values.commonAnnotations | default dict) -}}
labels:
  {{- toYaml $labels | nindent 2 }}
{{- with $annotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "detour.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "detour.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "detour.configMapName" -}}
{{- default (printf "%s-rules" (include "detour.fullname" .)) .Values.existingConfigMap -}}
{{- end -}}

{{/* Not one name for two modes: Detour leaves a Secret of cert-manager's alone. */}}
{{- define "detour.secretName" -}}
{{- if eq .Values.tls.mode "existingSecret" -}}
{{- .Values.tls.existingSecret -}}
{{- else if eq .Values.tls.mode "certManager" -}}
{{- printf "%s-tls" (include "detour.fullname" .) -}}
{{- else -}}
{{- printf "%s-self-tls" (include "detour.fullname" .) -}}
{{- end -}}
{{- end -}}

{{/* A text if Detour writes caBundle itself, else nothing. */}}
{{- define "detour.patchesWebhook" -}}
{{- if and (eq .Values.tls.mode "self") .Values.tls.self.patchWebhook }}yes{{ end -}}
{{- end -}}

{{/* A text if Detour asks the API server, else nothing: it then has no token and no role. */}}
{{- define "detour.asksApiServer" -}}
{{- if or (eq .Values.tls.mode "self") .Values.sources.api .Values.sources.configMaps }}yes{{ end -}}
{{- end -}}

{{/* A text if the authorities of Harbor's certificate are given, else nothing. */}}
{{- define "detour.harborAuthority" -}}
{{- with .Values.sources.harbor.ca }}{{ if or .pem .configMap .secret }}yes{{ end }}{{ end -}}
{{- end -}}

{{/* A text if Detour calls anybody, else nothing. */}}
{{- define "detour.calls" -}}
{{- if or (include "detour.asksApiServer" .) .Values.sources.harbor.url }}yes{{ end -}}
{{- end -}}

{{/* Of what is in no namespace, where another release may have the same name. */}}
{{- define "detour.clusterName" -}}
{{- printf "%s:%s" (include "detour.fullname" .) .Release.Namespace -}}
{{- end -}}

{{- define "detour.webhookName" -}}
{{- default (include "detour.fullname" .) .Values.webhook.name -}}
{{- end -}}

{{- define "detour.image" -}}
{{- with .Values.image -}}
{{- $tag := default (ternary "" $.Chart.AppVersion (not (not .digest))) .tag -}}
{{- .registry }}/{{ .repository }}{{ with $tag }}:{{ . }}{{ end }}{{ with .digest }}@{{ . }}{{ end -}}
{{- end -}}
{{- end -}}

{{/* The fewest instances that there will be. */}}
{{- define "detour.replicas" -}}
{{- ternary .Values.autoscaling.minReplicas .Values.replicas .Values.autoscaling.enabled | int -}}
{{- end -}}

{{/* The most that there may be. */}}
{{- define "detour.mostReplicas" -}}
{{- ternary .Values.autoscaling.maxReplicas .Values.replicas .Values.autoscaling.enabled | int -}}
{{- end -}}

{{/* Of the same numbers as the flags: see resources in values.yaml. */}}
{{- define "detour.memoryLimit" -}}
{{- $connections := div (add (mul (int .Values.server.maxConnections) 64) 1023) 1024 -}}
{{- $harbor := ternary 96 0 (not (not .Values.sources.harbor.url)) -}}
{{- $followed := add (ternary 64 0 .Values.sources.api) (.Values.sources.configMaps | default list | len) -}}
{{- printf "%dMi" (add 64 $connections (mul 12 64) (mul 12 $followed) $harbor) -}}
{{- end -}}

{{/* A drain may be over 10 s late (the request under way); 5 s are spare. */}}
{{- define "detour.terminationGracePeriodSeconds" -}}
{{- add (int .Values.server.drainSeconds) 15 -}}
{{- end -}}

{{/* What is left alone, as {"list": […]}: Detour's flag and the webhook's selector must agree. */}}
{{- define "detour.exemptNamespaces" -}}
{{- dict "list" (append (.Values.exemptNamespaces | default list) .Release.Namespace | uniq) | toYaml -}}
{{- end -}}

{{/* A text if kube-system is exempt, by name or by glob, else nothing. */}}
{{- define "detour.sparesKubeSystem" -}}
{{- range (include "detour.exemptNamespaces" . | fromYaml).list -}}
{{- if regexMatch (printf "^%s$" (. | replace "?" "." | replace "*" ".*")) "kube-system" }}yes{{ end -}}
{{- end -}}
{{- end -}}

{{/* KEY or KEY=VALUE, and the value where there is none: (list TEXT VALUE). */}}
{{- define "detour.keyAndValue" -}}
{{- $parts := splitn "=" 2 (index . 0) -}}
{{- dict "key" $parts._0 "value" (ternary $parts._1 (index . 1) (contains "=" (index . 0))) | toYaml -}}
{{- end -}}

{{/* Labels and annotations that opt out, as {"list": [{"key": …, "value": …}]}. */}}
{{- define "detour.optOuts" -}}
{{- $pairs := list -}}
{{- range prepend (.Values.optOutKeys | default list) "detour.dev/rewrite" | uniq -}}
{{- $pairs = append $pairs (include "detour.keyAndValue" (list . "disabled") | fromYaml) -}}
{{- end -}}
{{- dict "list" (uniq $pairs) | toYaml -}}
{{- end -}}

{{/* Name of the rules' file → document, as YAML. */}}
{{- define "detour.rules" -}}
{{- $files := dict -}}
{{- if kindIs "slice" .Values.rules -}}
{{- range $index, $document := .Values.rules -}}
{{- $name := dig "metadata" "name" "" $document -}}
{{- $file := printf "%04d-%s.yaml" $index $name -}}
{{- $_ := set $files $file (include "detour.document" (list $ $document $name)) -}}
{{- end -}}
{{- else -}}
{{- range $name, $document := .Values.rules -}}
{{- if $document -}}
{{- $_ := set $files (printf "%s.yaml" $name) (include "detour.document" (list $ $document $name)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if not $files -}}
{{- $_ := set $files "none.yaml" "# No rules yet: Detour changes nothing.\n" -}}
{{- end -}}
{{- toYaml $files -}}
{{- end -}}

{{/* (list $ DOCUMENT NAME): the document with what may be left out. */}}
{{- define "detour.document" -}}
{{- $document := deepCopy (index . 1) -}}
{{- $metadata := merge (default dict $document.metadata) (dict "name" (index . 2)) -}}
{{- $spec := merge (default dict $document.spec) (dict "mode" "Enforce") -}}
{{- if (index . 0).Values.observe -}}
{{- $_ := set $spec "mode" "Observe" -}}
{{- end -}}
{{- $own := dict "apiVersion" "detour.dev/v1alpha1" "kind" "ClusterImageMap" -}}
{{- merge (dict "metadata" $metadata "spec" $spec) $document $own | toYaml -}}
{{- end -}}
