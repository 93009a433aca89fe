package main

import (
	"fmt"
	"io"
	"strconv"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app"
)

// report prints the table of figures. It returns an error when a figure does not match.
func report(out io.Writer, figures []app.Figure) error {
	verdicts := map[bool]string{true: "yes", false: "NO"}
	err := printTable(out, asText, []column[app.Figure]{
		{"provider", func(f app.Figure) string { return f.Provider }},
		{"what", func(f app.Figure) string { return f.What }},
		{"sent", func(f app.Figure) string { return strconv.Itoa(f.Sent) }},
		{"in Keycloak", func(f app.Figure) string { return strconv.Itoa(f.Arrived) }},
		{"match", func(f app.Figure) string { return verdicts[f.Sent == f.Arrived] }},
	}, figures)
	if err != nil {
		return err
	}
	wrong := 0
	for _, f := range figures {
		if f.Sent != f.Arrived {
			wrong++
		}
	}
	if wrong > 0 {
		return fmt.Errorf("%d figures do not match", wrong)
	}
	return nil
}
