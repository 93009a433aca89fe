package scim

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"iter"
	"slices"
	"strings"
)

// A version has one of two forms, so that the service provider sees in a client's tag what to compare:
//
//	W/"<document>"           the document, which is read with every write
//	W/"<document>.<linked>"  the document and a group's members, or a user's groups, which cost more to read
//
// An answer with members or groups has the second form. Both forms are valid at the same time.

const (
	// documentBytes and linkedBytes are how many bytes of the SHA-256 of each part a version has.
	documentBytes = 12
	linkedBytes   = 16
)

// Version is the weak entity tag of the resource (RFC 7644 section 3.14): a hash of its document, and of the members or
// groups that were read with it. Meta is not part of it.
func (r Resource) Version() string {
	doc := r.Document
	if doc[AttrMembers] != nil {
		doc = doc.Without(AttrMembers)
	}
	data, err := Encode(map[string]any(doc))
	if err != nil {
		return "" // a document always encodes
	}
	sum := sha256.Sum256(data)
	version := hex.EncodeToString(sum[:documentBytes])
	if r.Linked != "" {
		version += "." + r.Linked
	}
	return `W/"` + version + `"`
}

// LinkedVersion is the part of a version for members or groups, in any order, as a client sees them: the value of each
// and its display, which is "" when it is not shown.
func LinkedVersion(elements iter.Seq2[string, string]) string {
	var sums [][sha256.Size]byte
	for value, display := range elements {
		sums = append(sums, sha256.Sum256([]byte(value+"\x00"+display))) // no id holds the separator
	}
	slices.SortFunc(sums, func(a, b [sha256.Size]byte) int { return bytes.Compare(a[:], b[:]) })
	all := sha256.New()
	for _, sum := range sums {
		all.Write(sum[:])
	}
	return hex.EncodeToString(all.Sum(nil)[:linkedBytes])
}

// SameVersion compares two entity tags weakly (RFC 9110 section 8.8.3.2). All tags of a Resource are weak.
func SameVersion(a, b string) bool { return strings.TrimPrefix(a, "W/") == strings.TrimPrefix(b, "W/") }

// Linking reports whether a client's tag has a linked part and the same document as version, which has no linked part.
// Such a tag can be checked only when the linked resources are read.
func Linking(tag, version string) bool {
	document, _ := strings.CutSuffix(strings.TrimPrefix(version, "W/"), `"`)
	return strings.HasPrefix(strings.TrimPrefix(tag, "W/"), document+".")
}
