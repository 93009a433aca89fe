// Package config reads config.yaml as typed values and reports every problem of it at once, each
// with file, line, key and remedy.
//
//	bytes --parse--> nodes with lines --decode--> Config --check--> Config, []Problem
//
// Decoding is strict: an unknown key, a wrong type and a key given twice are problems. Nothing is
// expanded in a value. A secret comes from a file or from a named environment variable, and Load
// reads the files, so that a Config without problems is ready to use.
//
// The package owns the format of the file and the only import of a YAML library (parse.go). It
// knows nothing about Keycloak, SCIM and HTTP, and imports no other package of this repository.
package config
