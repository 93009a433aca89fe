package config

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
)

// atStart is the value of the tag change on a key whose change takes effect only after a restart.
const atStart = "restart"

// Restart returns the keys whose values differ from those at the start of the bridge, and take
// effect only after a restart. The content of a file does not count: the bridge reads it again.
func Restart(started, now Config) []string {
	var out []string
	eachAtStart("", reflect.ValueOf(&started).Elem(), reflect.ValueOf(&now).Elem(), func(key string, was, is reflect.Value) {
		one, oneErr := json.Marshal(was.Interface())
		two, twoErr := json.Marshal(is.Interface())
		if oneErr != nil || twoErr != nil || !bytes.Equal(one, two) {
			out = append(out, key)
		}
	})
	return out
}

// Keep sets these keys to their values in the configuration that is in force.
func (c *Config) Keep(inForce Config) {
	if c.Store.KeyFile != inForce.Store.KeyFile { // Store.Keys is the content of another file
		c.Store.Keys = inForce.Store.Keys
	}
	eachAtStart("", reflect.ValueOf(&inForce).Elem(), reflect.ValueOf(c).Elem(), func(_ string, was, is reflect.Value) { is.Set(was) })
}

// eachAtStart visits the keys of two structs of the same type whose changes take effect only after
// a restart. A key includes all keys below it.
func eachAtStart(path string, was, is reflect.Value, visit func(key string, was, is reflect.Value)) {
	for _, f := range keysOf(was.Type()) {
		field := was.Type().FieldByIndex(f.index)
		key := strings.TrimPrefix(path+"."+f.key, ".")
		switch {
		case field.Tag.Get("change") == atStart:
			visit(key, was.FieldByIndex(f.index), is.FieldByIndex(f.index))
		case field.Type.Kind() == reflect.Struct:
			eachAtStart(key, was.FieldByIndex(f.index), is.FieldByIndex(f.index), visit)
		}
	}
}
