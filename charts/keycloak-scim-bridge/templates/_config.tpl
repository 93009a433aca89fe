{{/* config.yaml: that of the values, with what is the chart's. */}}
{{- define "bridge.config" -}}
{{- $server := merge (dict "listen" ":8081" "publicURL" (include "bridge.publicURL" .)) (default dict .Values.config.server) -}}
{{- $admin := dict "listen" ":9091" "socket" "/run/scim-bridge/control.sock" -}}
{{- merge (dict "version" 1 "server" $server "admin" $admin) .Values.config | toPrettyJson -}}
{{- end }}
