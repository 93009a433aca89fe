{{- define "bridge.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "bridge.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" }}
{{- else }}
{{- $name := include "bridge.name" . }}
{{- if contains $name .Release.Name }}
{{- .Release.Name | trunc 52 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 52 | trimSuffix "-" }}
{{- end }}
{{- end }}
{{- end }}

{{- define "bridge.namespace" -}}
{{- default .Release.Namespace .Values.namespaceOverride }}
{{- end }}

{{- define "bridge.selector" -}}
app.kubernetes.io/name: {{ include "bridge.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{/* The labels that select the pod of helm test, and no pod of the bridge. */}}
{{- define "bridge.testSelector" -}}
app.kubernetes.io/name: {{ include "bridge.name" . | trunc 58 }}-test
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{/* The metadata of an object: a list of the root, the end of the name and further labels. */}}
{{- define "bridge.metadata" -}}
{{- $root := index . 0 -}}
{{- $labels := merge (dict) (index . 2) $root.Values.commonLabels -}}
name: {{ include "bridge.fullname" $root }}{{ index . 1 }}
namespace: {{ include "bridge.namespace" $root }}
labels:
  {{- include (ternary "bridge.testSelector" "bridge.selector" (eq (index . 1) "-test")) $root | nindent 2 }}
  app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
  app.kubernetes.io/managed-by: {{ $root.Release.Service }}
  helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" }}
  {{- with $labels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}

{{- define "bridge.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}
{{- end }}
{{- end }}

{{- define "bridge.serviceAccount" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "bridge.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{/* The URL under which clients reach the service root. */}}
{{- define "bridge.publicURL" -}}
{{- $server := default dict .Values.config.server -}}
{{- if $server.publicURL -}}
{{ $server.publicURL }}
{{- else if and .Values.ingress.enabled .Values.ingress.host -}}
https://{{ .Values.ingress.host }}
{{- else if and .Values.httpRoute.enabled .Values.httpRoute.hostnames -}}
https://{{ first .Values.httpRoute.hostnames }}
{{- else -}}
http://{{ include "bridge.fullname" . }}.{{ include "bridge.namespace" . }}.svc:{{ .Values.service.port }}
{{- end }}
{{- end }}

{{/* The name of the Service for health and metrics. */}}
{{- define "bridge.adminService" -}}
{{ include "bridge.fullname" . }}{{ ternary "" "-admin" (eq .Values.service.type "ClusterIP") }}
{{- end }}

{{/* The paths of the tenants, a line each. */}}
{{- define "bridge.tenants" -}}
{{- range $realm, $r := default dict .Values.config.realms }}
{{- range $r.tenants }}
{{- if .organization }}
{{ $realm }}/organizations/{{ .organization }}
{{- else }}
{{ default $realm .path }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* Refuses values that are missing, or that exclude each other. */}}
{{- define "bridge.check" -}}
{{- if gt (int .Values.replicaCount) 1 }}
{{- fail "replicaCount: several replicas would mix writes to one user; set 1. Identity providers repeat requests that they send while the pod restarts" }}
{{- end }}
{{- if not .Values.config.keycloak }}
{{- fail "config.keycloak.url: give the root of Keycloak, as config.keycloak.url=https://keycloak.example" }}
{{- end }}
{{- if not .Values.config.realms }}
{{- fail "config.realms: give the realms as scim-bridge setup wrote them" }}
{{- end }}
{{- if and .Values.secrets.existingSecret .Values.secrets.inline }}
{{- fail "secrets: give existingSecret or inline, not both" }}
{{- end }}
{{- if not (or .Values.secrets.existingSecret .Values.secrets.inline) }}
{{- fail "secrets: give existingSecret, whose keys are the files that config names, or inline" }}
{{- end }}
{{- if and .Values.store.enabled .Values.secrets.inline (not .Values.store.keySecret) (not (hasKey .Values.secrets.inline "store-key")) }}
{{- fail "store.keySecret: name the Secret with the key store-key, or give store-key in secrets.inline" }}
{{- end }}
{{- if and .Values.config.store (not .Values.store.enabled) }}
{{- fail "config.store: has no effect without store.enabled=true" }}
{{- end }}
{{- if and .Values.mappings.existingConfigMap .Values.mappings.inline }}
{{- fail "mappings: give existingConfigMap or inline, not both" }}
{{- end }}
{{- if and .Values.networkPolicy.enabled (not .Values.networkPolicy.egress) }}
{{- fail "networkPolicy.egress: give a rule that lets the bridge reach Keycloak" }}
{{- end }}
{{- if and .Values.httpRoute.enabled (not .Values.httpRoute.parentRefs) }}
{{- fail "httpRoute.parentRefs: name the gateway" }}
{{- end }}
{{- if and .Values.ingress.enabled (not .Values.ingress.host) }}
{{- fail "ingress.host: give the host name of the SCIM endpoint" }}
{{- end }}
{{- end }}
