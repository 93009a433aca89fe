{{/* config.yaml: the config of the values, with the keys that the chart sets. */}}
{{- define "bridge.config" -}}
{{- $server := merge (dict "listen" ":8081" "publicURL" (include "bridge.publicURL" .)) (default dict .Values.config.server) -}}
{{- $service := include "bridge.adminService" . -}}
{{- $inNamespace := printf "%s.%s" $service (include "bridge.namespace" .) -}}
{{- $hosts := list $service $inNamespace (print $inNamespace ".svc") (print $inNamespace ".svc.cluster.local") -}}
{{- /* Everybody can write to an emptyDir. So the bridge makes its own directory there for the socket. */ -}}
{{- $admin := dict "listen" ":9091" "socket" "/run/scim-bridge/own/control.sock" "hosts" (concat $hosts .Values.service.adminHosts) -}}
{{- $set := dict "version" 1 "server" $server "admin" $admin -}}
{{- if .Values.store.enabled -}}
{{- $_ := set $set "store" (merge (dict "sqlite" (dict "file" "/var/lib/scim-bridge/store.db") "keyFile" "store-key") (default dict .Values.config.store)) -}}
{{- end -}}
{{- merge $set .Values.config | toPrettyJson -}}
{{- end }}
