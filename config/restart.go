package config

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
)

// atStart is the value of the tag change of a key whose change takes effect when the bridge is started again.
const atStart = "restart"

// Restart are the keys of a configuration whose values are other ones than those with which the bridge was started,
// and take effect when it is started again. The content of a file is no value: it is read again.
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

// Keep takes the values of such keys from the configuration that is in force.
func (c *Config) Keep(inForce Config) {
	eachAtStart("", reflect.ValueOf(&inForce).Elem(), reflect.ValueOf(c).Elem(), func(_ string, was, is reflect.Value) { is.Set(was) })
}

// eachAtStart visits the keys of two structs of one type that take effect at a start. A key stands for all below it.
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
