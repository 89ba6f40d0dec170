{{- define "understudy.labels" -}}
app.kubernetes.io/name: understudy
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .role }}
{{- end }}

{{- define "understudy.pod" -}}
metadata:
  labels: {{- include "understudy.labels" . | nindent 4 }}
spec:
  automountServiceAccountToken: false
  enableServiceLinks: false
  terminationGracePeriodSeconds: 45
  securityContext: {runAsNonRoot: true, runAsUser: 10001, runAsGroup: 10001, fsGroup: 10001, seccompProfile: {type: RuntimeDefault}}
  containers:
    - name: {{ .role }}
      image: "{{ .root.Values.image.repository }}:{{ .root.Values.image.tag }}"
      imagePullPolicy: {{ .root.Values.image.pullPolicy }}
      args: {{ .args | toJson }}
      env:
        - {name: UNDERSTUDY_SLOT, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
        - {name: UNDERSTUDY_METRICS__HOST, value: "0.0.0.0"}
        - {name: UNDERSTUDY_METRICS__PORT, value: {{ .root.Values.metrics.port | quote }}}
        {{- range $name, $value := .root.Values.environment }}
        - {name: {{ $name }}, value: {{ $value | quote }}}
        {{- end }}
      envFrom:
        - secretRef: {name: {{ .root.Values.existingSecret }}}
      ports: {{- .ports | toJson | nindent 8 }}
      startupProbe: {httpGet: {path: /health/live, port: metrics}, periodSeconds: 5, failureThreshold: 60}
      livenessProbe: {httpGet: {path: /health/live, port: metrics}, periodSeconds: 10, timeoutSeconds: 5}
      readinessProbe: {httpGet: {path: /health/ready, port: metrics}, periodSeconds: 5, timeoutSeconds: 5}
      resources: {{- .workload.resources | toYaml | nindent 8 }}
      securityContext: {allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: {drop: [ALL]}}
      volumeMounts:
        - {name: data, mountPath: /data}
        - {name: tmp, mountPath: /tmp}
  volumes:
    - {name: tmp, emptyDir: {}}
    {{- if not .keeps }}
    - {name: data, emptyDir: {}}
    {{- end }}
{{- end }}
