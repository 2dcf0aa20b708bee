{{/*
What an upgrade finds in the cluster. `helm template`, Argo CD and Flux's dry
runs find nothing, so this refuses and never renders.
*/}}

{{/* The flags of the installed Deployment, as {"list": […]}. */}}
{{- define "detour.formerFlags" -}}
{{- $flags := list -}}
{{- if .Release.IsUpgrade -}}
{{- $deployment := lookup "apps/v1" "Deployment" .Release.Namespace (include "detour.fullname" .) -}}
{{- range dig "spec" "template" "spec" "containers" list $deployment -}}
{{- $flags = concat $flags (.args | default list) -}}
{{- end -}}
{{- end -}}
{{- dict "list" $flags | toYaml -}}
{{- end -}}

{{/* Whether cert-manager has been told to write caBundle, by this chart. */}}
{{- define "detour.wasCertManager" -}}
{{- $webhook := lookup "admissionregistration.k8s.io/v1" "MutatingWebhookConfiguration" "" (include "detour.webhookName" .) -}}
{{- $own := printf "%s/%s" .Release.Namespace (include "detour.fullname" .) -}}
{{- if eq (dig "metadata" "annotations" "cert-manager.io/inject-ca-from" "" $webhook) $own }}yes{{ end -}}
{{- end -}}

{{/* A fault, if the certificate comes from elsewhere now and calls would fail for it. */}}
{{- define "detour.changedTls" -}}
{{- $flags := (include "detour.formerFlags" . | fromYaml).list -}}
{{- $wasFiles := has "--tls=files" $flags -}}
{{- $isSelf := eq .Values.tls.mode "self" -}}
{{- $steps := "see docs/install.md, another tls.mode" -}}
{{- if and $wasFiles $isSelf (include "detour.wasCertManager" .) -}}
tls.mode is self, which is the default now, and this release has its certificate from cert-manager: keep that with tls.mode=certManager, or change it in steps; {{ $steps }}
{{- else if and (has "--tls=self" $flags) (not $isSelf) (not (has "--tls-self-patch-webhook=false" $flags)) -}}
tls.mode was self: the instances would put their own CA back into caBundle. Upgrade with tls.self.patchWebhook=false first; {{ $steps }}
{{- else if and (or (and $wasFiles $isSelf) (and (has "--tls=self" $flags) (not $isSelf))) (eq .Values.webhook.failurePolicy "Fail") -}}
webhook.failurePolicy Fail with another tls.mode: pods would be refused until every instance is replaced. Upgrade with webhook.failurePolicy=Ignore first; {{ $steps }}
{{- end -}}
{{- end -}}
