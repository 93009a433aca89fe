// Package app is the composition of a bridge: it builds one from a configuration, serves it, and applies
// the files of the configuration when they change. What the commands of an operator do is here too, so that nothing is
// wired twice: setting a realm up, tokens and clients of OAuth, doctor, explain, and reading
// resources. They take options and return values: nothing here prints, asks or ends a process.
//
// Another program builds a bridge in as the example of New shows. Serve applies changed files until its context ends;
// Apply puts a configuration in force that is in no file. A program that calls App.Service itself takes the tenant from
// App.Watcher.Tenants, for each call.
package app
