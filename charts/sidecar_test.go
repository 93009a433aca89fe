package charts

import (
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/docs"
)

// TestTheSidecarIsTheChartsContainer: the guide to the sidecar shows the container and the volumes that the chart
// renders with a store.
func TestTheSidecarIsTheChartsContainer(t *testing.T) {
	t.Parallel()
	deployment := render(t, minimal(t, "\nfullnameOverride: scim-bridge\nstore: { enabled: true, keySecret: scim-bridge-store }"))["Deployment scim-bridge"]
	spec := object{"containers": deployment.at("spec", "template", "spec", "containers"), "volumes": deployment.at("spec", "template", "spec", "volumes")}
	text, err := yaml.MarshalWithOptions(map[string]any(spec), yaml.IndentSequence(true), yaml.UseLiteralStyleIfMultiline(true))
	if err != nil {
		t.Fatal(err)
	}
	if err := docs.GeneratedPart("../docs/guides/sidecar.md", "```yaml\n"+string(text)+"```\n", *update, updateCommand); err != nil {
		t.Error(err)
	}
}
