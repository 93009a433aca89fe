package seal

import (
	"crypto/rand"
	"crypto/sha256"
)

// ChainSize is the size of the secret of a chain, in bytes.
const ChainSize = 32

// Chain links the entries of a journal. Its secret is sealed in the database, so nobody can make links without the key
// file.
type Chain struct{ secret [ChainSize]byte }

// NewChain makes the secret of a new chain.
func NewChain() [ChainSize]byte {
	var out [ChainSize]byte
	_, _ = rand.Read(out[:]) // it never fails
	return out
}

// ChainOf is the chain with a secret.
func ChainOf(secret [ChainSize]byte) *Chain { return &Chain{secret} }

// Commit is a commitment to the private part of an entry. It reveals nothing about the content, because the salt is
// random and is erased with the content.
func (*Chain) Commit(salt, content []byte) [sha256.Size]byte { return mac(salt, content) }

// Link links an entry to the link before it: public is the public part of the entry, commit the commitment to its private
// part.
func (c *Chain) Link(previous [sha256.Size]byte, public []byte, commit [sha256.Size]byte) [sha256.Size]byte {
	return mac(c.secret[:], previous[:], public, commit[:])
}

// Secret is the secret of the chain, to be sealed again with another key.
func (c *Chain) Secret() [ChainSize]byte { return c.secret }
