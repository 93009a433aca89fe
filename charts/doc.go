// Package charts tests the Helm chart: its values, what it renders, and, with -cluster, what
// becomes of it in a real Kubernetes (see the package cluster below it).
package charts
