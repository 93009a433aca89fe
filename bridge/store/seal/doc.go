// Package seal has the ciphers of a store: it seals what is personal, makes values searchable without showing them,
// and links the entries of a journal.
package seal
