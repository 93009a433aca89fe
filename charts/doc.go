// Package charts tests the Helm chart: its values, the objects that it renders, and, with -cluster, the chart in a real
// Kubernetes (see the package cluster below it).
package charts
