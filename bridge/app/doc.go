// Package app builds a bridge from a configuration, serves it, and applies the files of the configuration when they
// change. It also holds what the commands of an operator do: set a realm up, manage tokens and OAuth clients, doctor,
// explain, and read resources. So the parts are connected in one place. The functions take options and return values;
// they do not print, ask or end the process.
//
// Another program can embed a bridge; the example of New shows how. Serve applies changed files until its context
// ends. Apply applies a configuration that is in no file. A program that calls App.Service itself must take the
// tenant from App.Watcher.Tenants for each call.
package app
