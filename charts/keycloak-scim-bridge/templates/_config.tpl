{{/* config.yaml: that of the values, with what is the chart's. */}}
{{- define "bridge.config" -}}
{{- $server := merge (dict "listen" ":8081" "publicURL" (include "bridge.publicURL" .)) (default dict .Values.config.server) -}}
{{- $service := include "bridge.adminService" . -}}
{{- $inNamespace := printf "%s.%s" $service (include "bridge.namespace" .) -}}
{{- $hosts := list $service $inNamespace (print $inNamespace ".svc") (print $inNamespace ".svc.cluster.local") -}}
{{- /* An emptyDir is everybody's, so that the socket has a directory of its own, which the bridge makes. */ -}}
{{- $admin := dict "listen" ":9091" "socket" "/run/scim-bridge/own/control.sock" "hosts" (concat $hosts .Values.service.adminHosts) -}}
{{- merge (dict "version" 1 "server" $server "admin" $admin) .Values.config | toPrettyJson -}}
{{- end }}
