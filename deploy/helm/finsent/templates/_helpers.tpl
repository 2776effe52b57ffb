{{- define "finsent.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* What never changes, as selectors may not: (list $ "worker"). */}}
{{- define "finsent.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ default $root.Chart.Name $root.Values.nameOverride }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{- define "finsent.labels" -}}
{{- $root := index . 0 -}}
{{ include "finsent.selector" . }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version }}
{{- end -}}

{{/* (list $ "finsent-worker") */}}
{{- define "finsent.image" -}}
{{- $root := index . 0 -}}
{{- with $root.Values.image.registry }}{{ . }}/{{ end }}{{ index . 1 }}:{{ $root.Values.image.tag | default $root.Chart.AppVersion }}
{{- end -}}

{{/* The settings of all processes that are no secret, as a map of variables. */}}
{{- define "finsent.settings" -}}
{{- $v := .Values -}}
KAFKA_BOOTSTRAP_SERVERS: {{ required "kafka.bootstrapServers: say where Kafka is, as host:port" $v.kafka.bootstrapServers | quote }}
KAFKA_SECURITY_PROTOCOL: {{ $v.kafka.securityProtocol | quote }}
KAFKA_SASL_MECHANISM: {{ $v.kafka.saslMechanism | quote }}
{{- with $v.kafka.credentials }}{{ if .secret }}
KAFKA_SASL_PASSWORD_FILE: /run/secrets/finsent/kafka/password
{{- end }}{{ end }}
{{- if $v.kafka.tls.secret }}
KAFKA_SSL_CA: /run/secrets/finsent/kafka-tls/ca.crt
{{- if $v.kafka.tls.clientCertificate }}
KAFKA_SSL_CERTIFICATE: /run/secrets/finsent/kafka-tls/tls.crt
KAFKA_SSL_KEY: /run/secrets/finsent/kafka-tls/tls.key
{{- end }}
{{- end }}
KAFKA_GROUP_ID: {{ $v.kafka.groupId | quote }}
KAFKA_SESSION_TIMEOUT_S: {{ $v.kafka.sessionTimeoutSeconds | quote }}
KAFKA_TOPIC_NEWS: {{ $v.kafka.topics.news | quote }}
KAFKA_TOPIC_COMMENTS: {{ $v.kafka.topics.comments | quote }}
KAFKA_TOPIC_LABELS: {{ $v.kafka.topics.labels | quote }}
KAFKA_TOPIC_PREFIX: {{ $v.kafka.topicPrefix | quote }}
KAFKA_CREATE_TOPICS: {{ $v.kafka.createTopics | quote }}
KAFKA_PARTITIONS: {{ $v.kafka.partitions | quote }}
CLICKHOUSE_URL: {{ required "clickhouse.url: say where ClickHouse is, as clickhouse://user@host:9000/database" $v.clickhouse.url | quote }}
{{- if $v.altinity.enabled }}
# The operator gives each server the macro "replica", this one too, which has none.
CLICKHOUSE_ONE_SERVER: "true"
{{- end }}
{{- if $v.clickhouse.password.secret }}
CLICKHOUSE_PASSWORD_FILE: /run/secrets/finsent/clickhouse/password
{{- end }}
{{- if $v.clickhouse.tls.secret }}
CLICKHOUSE_SSL_CA: /run/secrets/finsent/clickhouse-tls/ca.crt
{{- end }}
{{- if eq $v.model.registry "url" }}
MODEL_REGISTRY: {{ required "model.url: say where the registry of models is, for model.registry url" $v.model.url | quote }}
{{- else if eq $v.model.registry "volume" }}
MODEL_REGISTRY: /models
{{- else }}
MODEL_REGISTRY: /opt/finsent/models
{{- end }}
MODEL_CACHE: /var/lib/finsent/models
FINSENT_DATA: /var/lib/finsent
{{- if $v.watchlist }}
FINSENT_WATCHLIST: /etc/finsent/watchlist.yaml
{{- end }}
{{- if or $v.alertRules.inline $v.alertRules.secret }}
ALERT_RULES: /etc/finsent/rules/alert_rules.yaml
{{- end }}
{{- range $name, $value := $v.settings }}
{{ $name }}: {{ $value | quote }}
{{- end }}
{{- end -}}

{{/* How to sign in at Kafka: the name; the password is a file. */}}
{{- define "finsent.secretEnv" -}}
{{- with .Values.kafka.credentials }}{{ if .secret }}
- name: KAFKA_SASL_USERNAME
  valueFrom:
    secretKeyRef: {name: {{ .secret }}, key: {{ .usernameKey }}}
{{- end }}{{ end }}
{{- end -}}

{{/* The secrets that a process mounts: (list $ clickhousePassword whetherKafka). */}}
{{- define "finsent.volumes" -}}
{{- $v := (index . 0).Values -}}{{- $password := index . 1 -}}{{- $kafka := index . 2 -}}
{{- with $v.kafka.credentials }}{{ if and $kafka .secret }}
- name: kafka-credentials
  secret: {secretName: {{ .secret }}, items: [{key: {{ .passwordKey }}, path: password}]}
{{- end }}{{ end }}
{{- if and $kafka $v.kafka.tls.secret }}
- name: kafka-tls
  secret: {secretName: {{ $v.kafka.tls.secret }}}
{{- end }}
{{- if $password.secret }}
- name: clickhouse-password
  secret: {secretName: {{ $password.secret }}, items: [{key: {{ $password.key }}, path: password}]}
{{- end }}
{{- with $v.clickhouse.tls.secret }}
- name: clickhouse-tls
  secret: {secretName: {{ . }}}
{{- end }}
{{- end -}}

{{- define "finsent.mounts" -}}
{{- $v := (index . 0).Values -}}{{- $password := index . 1 -}}{{- $kafka := index . 2 -}}
{{- if and $kafka $v.kafka.credentials.secret }}
- {name: kafka-credentials, mountPath: /run/secrets/finsent/kafka, readOnly: true}
{{- end }}
{{- if and $kafka $v.kafka.tls.secret }}
- {name: kafka-tls, mountPath: /run/secrets/finsent/kafka-tls, readOnly: true}
{{- end }}
{{- if $password.secret }}
- {name: clickhouse-password, mountPath: /run/secrets/finsent/clickhouse, readOnly: true}
{{- end }}
{{- if $v.clickhouse.tls.secret }}
- {name: clickhouse-tls, mountPath: /run/secrets/finsent/clickhouse-tls, readOnly: true}
{{- end }}
{{- end -}}

{{/* The files of settings, and the registry of models: for all but the migration. */}}
{{- define "finsent.fileVolumes" -}}
{{- $v := .Values -}}
{{- if $v.watchlist }}
- name: watchlist
  configMap: {name: {{ include "finsent.fullname" . }}-watchlist}
{{- end }}
{{- if $v.alertRules.secret }}
- name: alert-rules
  secret: {secretName: {{ $v.alertRules.secret }}}
{{- else if $v.alertRules.inline }}
- name: alert-rules
  configMap: {name: {{ include "finsent.fullname" . }}-alert-rules}
{{- end }}
{{- if eq $v.model.registry "volume" }}
- name: models
  persistentVolumeClaim: {claimName: {{ $v.model.volume.existingClaim | default (printf "%s-models" (include "finsent.fullname" .)) }}}
{{- end }}
{{- end -}}

{{- define "finsent.fileMounts" -}}
{{- $v := .Values -}}
{{- if $v.watchlist }}
- {name: watchlist, mountPath: /etc/finsent/watchlist.yaml, subPath: watchlist.yaml, readOnly: true}
{{- end }}
{{- if or $v.alertRules.inline $v.alertRules.secret }}
- {name: alert-rules, mountPath: /etc/finsent/rules, readOnly: true}
{{- end }}
{{- if eq $v.model.registry "volume" }}
- {name: models, mountPath: /models}
{{- end }}
{{- end -}}

{{- define "finsent.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{- define "finsent.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end -}}

{{/* A pod is made anew when these change: the alert rules are not among them, as they are read again. */}}
{{- define "finsent.checksum" -}}
{{ printf "%s%s" (include "finsent.settings" .) .Values.watchlist | sha256sum }}
{{- end -}}

{{/* Where pods go: (list $ .Values.worker). */}}
{{- define "finsent.placement" -}}
{{- with (index . 1).nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with (index . 1).tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with (index . 1).affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with (index . 0).Values.image.pullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}
