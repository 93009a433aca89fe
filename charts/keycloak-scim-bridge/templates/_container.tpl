{{/* The container of the Deployment. The guide to the sidecar shows it too. */}}
{{- define "bridge.container" -}}
name: scim-bridge
image: {{ include "bridge.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
args:
  - serve
  - --config=/etc/scim-bridge/config.yaml
{{- with include "bridge.env" . }}
env:
  {{- . | nindent 2 }}
{{- end }}
{{- with .Values.extraEnvFrom }}
envFrom:
  {{- toYaml . | nindent 2 }}
{{- end }}
ports:
  - name: scim
    containerPort: 8081
  - name: scim-admin
    containerPort: 9091
startupProbe:
  httpGet: { path: /livez, port: scim-admin }
  periodSeconds: 1
  failureThreshold: 60
livenessProbe:
  httpGet: { path: /livez, port: scim-admin }
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
readinessProbe:
  httpGet: { path: /readyz, port: scim-admin }
  periodSeconds: 2
  timeoutSeconds: 2
{{- with .Values.resources }}
resources:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
  seccompProfile:
    type: RuntimeDefault
volumeMounts:
  - name: scim-bridge-config
    mountPath: /etc/scim-bridge
    readOnly: true
  - name: scim-bridge-run
    mountPath: /run/scim-bridge
  {{- if .Values.store.enabled }}
  - name: scim-bridge-store
    mountPath: /var/lib/scim-bridge
  {{- end }}
  {{- with .Values.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}

{{/* Environment variables. GOMEMLIMIT is the memory limit of the pod: Go stays below it, and the bridge divides it among the bodies of requests. */}}
{{- define "bridge.env" -}}
{{- $names := list }}
{{- range .Values.extraEnv }}{{ $names = append $names .name }}{{ end }}
{{- if and (dig "limits" "memory" "" (default dict .Values.resources)) (not (has "GOMEMLIMIT" $names)) -}}
- name: GOMEMLIMIT
  valueFrom:
    resourceFieldRef:
      resource: limits.memory
{{- end }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* The volumes of the container. Configuration, secrets and mappings are files of one directory. */}}
{{- define "bridge.volumes" -}}
- name: scim-bridge-config
  projected:
    defaultMode: 0440
    sources:
      - configMap:
          name: {{ include "bridge.fullname" . }}
      - secret:
          name: {{ default (include "bridge.fullname" .) .Values.secrets.existingSecret }}
      {{- if and .Values.store.enabled .Values.store.keySecret }}
      - secret:
          name: {{ .Values.store.keySecret }}
          items:
            - key: store-key
              path: store-key
      {{- end }}
      {{- with .Values.mappings.existingConfigMap }}
      - configMap:
          name: {{ . }}
      {{- end }}
- name: scim-bridge-run
  emptyDir:
    medium: Memory
    sizeLimit: 1Mi
{{- if .Values.store.enabled }}
- name: scim-bridge-store
  persistentVolumeClaim:
    claimName: {{ default (print (include "bridge.fullname" .) "-store") .Values.store.existingClaim }}
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}
