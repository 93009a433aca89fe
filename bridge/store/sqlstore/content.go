package sqlstore

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strconv"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// private is the part of a change that may be personal. It is compressed and sealed.
type private struct {
	before, after  scim.Document
	added, removed []string // ids of users who join or leave
	steps          []string
	unseen         []change.Part
	reason         string
	erased         []erasure // of an entry with the operation change.Erased
}

// erasure says what an entry has after a person was forgotten.
type erasure struct {
	number int64
	// commitment is the commitment to what the entry still has; nil when its whole content was erased.
	commitment []byte
}

func privateOf(c change.Change) private {
	return private{before: c.Before, after: c.After, added: c.MembersAdded, removed: c.MembersRemoved, steps: c.Steps, unseen: c.Unseen, reason: c.Reason}
}

// restore puts the private part into a change.
func (p private) restore(c *change.Change) {
	c.Before, c.After, c.MembersAdded, c.MembersRemoved, c.Steps, c.Unseen, c.Reason = p.before, p.after, p.added, p.removed, p.steps, p.unseen, p.reason
}

// The names of the members of the sealed JSON.
const (
	nameBefore  = "before"
	nameAfter   = "after"
	nameAdded   = "added"
	nameRemoved = "removed"
	nameSteps   = "steps"
	nameUnseen  = "unseen"
	nameReason  = "reason"
	nameErased  = "erased"
	nameChange  = "change" // the public part of an intent
)

func (p private) object() map[string]any {
	out := map[string]any{}
	if p.before != nil {
		out[nameBefore] = p.before
	}
	if p.after != nil {
		out[nameAfter] = p.after
	}
	for name, list := range map[string][]string{nameAdded: p.added, nameRemoved: p.removed, nameSteps: p.steps, nameUnseen: texts(p.unseen)} {
		if list != nil {
			out[name] = list
		}
	}
	if p.reason != "" {
		out[nameReason] = p.reason
	}
	if p.erased != nil {
		list := make([]any, len(p.erased))
		for i, e := range p.erased {
			list[i] = []any{json.Number(strconv.FormatInt(e.number, 10)), hex.EncodeToString(e.commitment)}
		}
		out[nameErased] = list
	}
	return out
}

func texts[T ~string](list []T) []string {
	if list == nil {
		return nil
	}
	out := make([]string, len(list))
	for i, one := range list {
		out[i] = string(one)
	}
	return out
}

// errContent says that a sealed text has another form than this program writes.
var errContent = errors.New("what is sealed is not a change")

func privateFrom(object map[string]any) (private, error) {
	var p private
	p.before, p.after = documentFrom(object[nameBefore]), documentFrom(object[nameAfter])
	p.added, p.removed, p.steps = listFrom(object[nameAdded]), listFrom(object[nameRemoved]), listFrom(object[nameSteps])
	for _, part := range listFrom(object[nameUnseen]) {
		p.unseen = append(p.unseen, change.Part(part))
	}
	p.reason, _ = object[nameReason].(string)
	list, _ := object[nameErased].([]any)
	for _, one := range list {
		pair, _ := one.([]any)
		if len(pair) != 2 {
			return p, errContent
		}
		number, _ := pair[0].(json.Number)
		text, _ := pair[1].(string)
		n, err := number.Int64()
		commitment, err2 := hex.DecodeString(text)
		if err != nil || err2 != nil {
			return p, errContent
		}
		p.erased = append(p.erased, erasure{n, commitment})
	}
	return p, nil
}

func documentFrom(value any) scim.Document {
	object, is := value.(map[string]any)
	if !is {
		return nil
	}
	return object
}

func listFrom(value any) []string {
	list, is := value.([]any)
	if !is {
		return nil
	}
	out := make([]string, 0, len(list))
	for _, one := range list {
		text, _ := one.(string)
		out = append(out, text)
	}
	return out
}

// saltSize is the size of the salt of a commitment, in bytes. The salt is sealed with the content: who has only the
// database cannot try contents against the commitment.
const saltSize = 32

// contentOf is a private part as it is committed to and sealed: a salt and compressed JSON.
func contentOf(object map[string]any) ([]byte, error) {
	text, err := scim.Encode(object)
	if err != nil {
		return nil, err
	}
	return contentFrom(text)
}

// contentFrom is the content of a JSON text.
func contentFrom(text []byte) ([]byte, error) {
	out := bytes.NewBuffer(make([]byte, saltSize, saltSize+len(text)/2))
	_, _ = rand.Read(out.Bytes()) // it never fails
	err := compress(out, text)
	return out.Bytes(), err
}

// objectOf is the JSON of a content.
func objectOf(content []byte) (map[string]any, error) {
	if len(content) < saltSize {
		return nil, errContent
	}
	text, err := decompress(content[saltSize:])
	if err != nil {
		return nil, errContent
	}
	return decodeObject(text)
}

// decodeObject decodes what scim.Encode wrote. scim.Decode would refuse texts that are kept as they were, such as a NUL.
func decodeObject(text []byte) (out map[string]any, err error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&out); err != nil {
		return nil, errContent
	}
	return out, nil
}

// salted are the two parts of a content.
func salted(content []byte) (salt, rest []byte) { return content[:saltSize], content[saltSize:] }
