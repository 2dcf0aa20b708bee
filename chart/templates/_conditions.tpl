{{/*
matchConditions, in CEL, evaluated in the API server: who meets one of them
costs no call. An expression that cannot be evaluated refuses the pod under
failurePolicy Fail, so each field is asked for by has() before it is read, and
null counts as absent. All are linear in the size of the object, and none needs
a function that Kubernetes 1.30 lacks.
*/}}

{{/* The globs of exemptNamespaces; names are in the namespaceSelector. */}}
{{- define "detour.cel.namespaces" -}}
{{- $globs := list -}}
{{- range (include "detour.exemptNamespaces" . | fromYaml).list -}}
{{- if regexMatch "[*?]" . -}}
{{- $globs = append $globs (. | replace "?" "." | replace "*" ".*") -}}
{{- end -}}
{{- end -}}
{{- if $globs -}}
- name: not-in-an-exempt-namespace
  expression: |-
    !has(request.namespace) || !request.namespace.matches('^({{ join "|" $globs }})$')
{{- end -}}
{{- end -}}

{{- define "detour.cel.optOut" -}}
{{- $texts := list -}}
{{- range (include "detour.optOuts" . | fromYaml).list -}}
{{- $texts = append $texts (printf "['%s', '%s']" .key .value) -}}
{{- end -}}
{{- $pairs := printf "[%s]" (join ", " $texts) -}}
- name: not-opted-out
  expression: |-
    !(has(object.metadata) && has(object.metadata.labels) && object.metadata.labels != null
    && {{ $pairs }}.exists(pair, pair[0] in object.metadata.labels && object.metadata.labels[pair[0]] == pair[1]))
    && !(has(object.metadata) && has(object.metadata.annotations) && object.metadata.annotations != null
    && {{ $pairs }}.exists(pair, pair[0] in object.metadata.annotations && object.metadata.annotations[pair[0]] == pair[1]))
{{- end -}}

{{/* (list OBJECT LIST): the images of a list of containers. */}}
{{- define "detour.cel.images" -}}
{{- $list := printf "%s.spec.%s" (index . 0) (index . 1) -}}
(has({{ $list }}) && {{ $list }} != null ? {{ $list }}.map(item, has(item.image) ? item.image : '') : [])
{{- end -}}

{{/* OBJECT: the images of its image volumes, and a blank for every other volume. */}}
{{- define "detour.cel.volumes" -}}
(has({{ . }}.spec.volumes) && {{ . }}.spec.volumes != null ? {{ . }}.spec.volumes.map(item,
      has(item.image) && item.image != null && has(item.image.reference) ? item.image.reference : '') : [])
{{- end -}}

{{/* OBJECT: its pull secrets. */}}
{{- define "detour.cel.pullSecrets" -}}
(has({{ . }}.spec.imagePullSecrets) && {{ . }}.spec.imagePullSecrets != null ? {{ . }}.spec.imagePullSecrets : [])
{{- end -}}

{{- define "detour.matchConditions.pods" -}}
{{- with include "detour.cel.namespaces" . }}{{ . }}
{{ end -}}
- name: not-a-mirror-pod
  expression: |-
    !(has(object.metadata) && has(object.metadata.annotations) && object.metadata.annotations != null
    && 'kubernetes.io/config.mirror' in object.metadata.annotations)
{{ include "detour.cel.optOut" . }}
- name: creates-or-changes-an-image
  expression: |-
    request.operation != 'UPDATE'
    || (has(request.subResource) && request.subResource != '')
    || oldObject == null || !has(object.spec) || !has(oldObject.spec)
    || {{ include "detour.cel.images" (list "object" "containers") }}
    != {{ include "detour.cel.images" (list "oldObject" "containers") }}
    || {{ include "detour.cel.images" (list "object" "initContainers") }}
    != {{ include "detour.cel.images" (list "oldObject" "initContainers") }}
    || {{ include "detour.cel.volumes" "object" }}
    != {{ include "detour.cel.volumes" "oldObject" }}
    || {{ include "detour.cel.pullSecrets" "object" }}
    != {{ include "detour.cel.pullSecrets" "oldObject" }}
{{- with .Values.webhook.matchConditions }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "detour.matchConditions.templates" -}}
{{- with include "detour.cel.namespaces" . }}{{ . }}
{{ end -}}
- name: not-owned-by-a-controller
  expression: |-
    !(has(object.metadata) && has(object.metadata.ownerReferences) && object.metadata.ownerReferences != null
    && object.metadata.ownerReferences.exists(owner, has(owner.controller) && owner.controller == true))
{{ include "detour.cel.optOut" . }}
- name: creates-or-changes-the-spec
  expression: |-
    request.operation != 'UPDATE' || oldObject == null
    || !has(object.spec) || !has(oldObject.spec) || object.spec != oldObject.spec
{{- with .Values.webhook.matchConditions }}
{{ toYaml . }}
{{- end }}
{{- end -}}
