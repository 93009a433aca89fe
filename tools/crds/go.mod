// What the chart's optional objects are defined by, for its test against a real API server. Nothing is built.
module github.com/keycloak-scim-bridge/keycloak-scim-bridge/tools/crds

go 1.26.0

require (
	github.com/prometheus-operator/prometheus-operator v0.85.0
	sigs.k8s.io/gateway-api v1.4.0
)
