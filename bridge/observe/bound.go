package observe

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

const (
	// maxText is the maximum length of one value in a log line, in bytes. The stack trace of a panic fits.
	maxText = 8 << 10
	// maxItems is the maximum number of texts in one list.
	maxItems = 128
	// maxMethod is longer than every known method.
	maxMethod = 32
)

// Clip shortens a text to at most so many bytes. "…" replaces the rest.
func Clip(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}

// Method is the method of a request for the log. A client can invent a method of any length.
func Method(text string) string { return Clip(text, maxMethod) }

// Bound is a core that limits the length of every value, so that no request can make a log line very long.
func Bound(c zapcore.Core) zapcore.Core { return bounded{c} }

type bounded struct{ zapcore.Core }

// With implements zapcore.Core.
func (b bounded) With(fields []zapcore.Field) zapcore.Core {
	return bounded{b.Core.With(bound(fields))}
}

// Check implements zapcore.Core.
func (b bounded) Check(e zapcore.Entry, to *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if b.Enabled(e.Level) {
		return to.AddCore(e, b)
	}
	return to
}

// Write implements zapcore.Core.
func (b bounded) Write(e zapcore.Entry, fields []zapcore.Field) error {
	return b.Core.Write(e, bound(fields))
}

// bound copies the fields only if a field is too long.
func bound(fields []zapcore.Field) []zapcore.Field {
	out := fields
	for i, f := range fields {
		g, cut := boundOne(f)
		if !cut {
			continue
		}
		if &out[0] == &fields[0] {
			out = slices.Clone(fields)
		}
		out[i] = g
	}
	return out
}

func boundOne(f zapcore.Field) (zapcore.Field, bool) {
	switch f.Type {
	case zapcore.StringType:
		return zap.String(f.Key, Clip(f.String, maxText)), len(f.String) > maxText
	case zapcore.ErrorType, zapcore.StringerType:
		if reflect.ValueOf(f.Interface).Kind() == reflect.Pointer && reflect.ValueOf(f.Interface).IsNil() {
			return f, false
		}
		text := fmt.Sprint(f.Interface)
		return zap.String(f.Key, Clip(text, maxText)), len(text) > maxText
	case zapcore.ArrayMarshalerType: // a list of texts, see zap.Strings
		list := reflect.ValueOf(f.Interface)
		if list.Kind() != reflect.Slice || list.Type().Elem().Kind() != reflect.String {
			return f, false
		}
		texts, cut := make([]string, min(list.Len(), maxItems)), list.Len() > maxItems
		for i := range texts {
			text := list.Index(i).String()
			texts[i], cut = Clip(text, maxText/8), cut || len(text) > maxText/8 //nolint:mnd // a list has many texts
		}
		if list.Len() > maxItems {
			texts = append(texts, fmt.Sprintf("and %d others", list.Len()-maxItems))
		}
		return zap.Strings(f.Key, texts), cut
	default:
		return f, false
	}
}
