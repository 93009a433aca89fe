package sqlstore

import (
	"bytes"
	"compress/flate"
	"errors"
	"io"
	"sync"
)

// dictionary has what documents often contain, the most frequent last. Small texts are compressed by what they share with
// it. It must never change: what is stored needs it.
var dictionary = []byte(`"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"costCenter":"","department":"","division":"","employeeNumber":"","manager":{"displayName":"","value":""},"organization":""},"addresses":[{"country":"","formatted":"","locality":"","postalCode":"","primary":true,"region":"","streetAddress":"","type":"work"}],"phoneNumbers":[{"type":"mobile","value":""},{"type":"work","value":"+"}],"entitlements":[],"roles":[{"value":""}],"locale":"en-US","preferredLanguage":"","timezone":"Europe/","nickName":"","profileUrl":"https://","title":"","userType":"Employee","removed":[""],"steps":["create_user enabled=true attributes=[externalId scim.created scim.key scim.modified scim.owner scim.remainder]","add_member ","remove_member ","update_user  enabled attributes","end_sessions ","admit_user "],"added":[""],"after":{"active":true,"displayName":"","emails":[{"primary":true,"type":"work","value":"@example.com"}],"externalId":"","meta":{"created":"2026-01-01T00:00:00.000Z","lastModified":"2026-01-01T00:00:00.000Z","location":"https://","resourceType":"User"},"name":{"familyName":"","formatted":"","givenName":"","honorificPrefix":"","middleName":""},"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group","urn:ietf:params:scim:schemas:core:2.0:User"],"userName":""},"before":{"active":true,"displayName":"","emails":[{"primary":true,"type":"work","value":""}],"externalId":"","id":"","meta":{"resourceType":"User"},"name":{"familyName":"","givenName":""},"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":""}`)

var deflaters = sync.Pool{New: func() any {
	w, err := flate.NewWriterDict(io.Discard, flate.DefaultCompression, dictionary)
	if err != nil { // impossible: the level is valid
		panic(err) //nolint:forbidigo // nothing could be stored
	}
	return w
}}

// compress appends a text to out.
func compress(out *bytes.Buffer, text []byte) error {
	w, _ := deflaters.Get().(*flate.Writer)
	defer deflaters.Put(w)
	w.Reset(out)
	_, err := w.Write(text)
	return errors.Join(err, w.Close())
}

var inflaters = sync.Pool{New: func() any { return flate.NewReaderDict(bytes.NewReader(nil), dictionary) }}

// decompress returns the text of compress.
func decompress(data []byte) ([]byte, error) {
	r, _ := inflaters.Get().(io.ReadCloser)
	defer inflaters.Put(r)
	resetter, is := r.(flate.Resetter)
	if !is {
		return nil, errContent
	}
	if err := resetter.Reset(bytes.NewReader(data), dictionary); err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}
