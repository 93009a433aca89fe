package observe

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// TestAuditRecordsAreWrittenAtEveryLevel: other lines below the level of the log are not written.
func TestAuditRecordsAreWrittenAtEveryLevel(t *testing.T) {
	t.Parallel()
	for _, level := range []zapcore.Level{zap.DebugLevel, zap.InfoLevel, zap.WarnLevel, zap.ErrorLevel} {
		var out strings.Builder
		log := zap.New(newCore(zapcore.AddSync(&out), level)).With(zap.String("with", "field"))
		for _, message := range []zapcore.Level{zap.DebugLevel, zap.InfoLevel, zap.WarnLevel, zap.ErrorLevel} {
			log.Log(message, "a message")
		}
		Audit(t.Context(), log, Write{Tenant: "acme", Client: "operator", Result: "done"})
		lines := strings.Split(strings.TrimSpace(out.String()), "\n")
		last := lines[len(lines)-1]
		if want := int(zap.ErrorLevel-level) + 2; len(lines) != want || !strings.Contains(last, `"logger":"audit"`) || !strings.Contains(last, `"client":"operator"`) || !strings.Contains(last, `"with":"field"`) {
			t.Errorf("level %s: %d lines, want %d, the last of them an audit record:\n%s", level, len(lines), want, out.String())
		}
	}
}

// TestEveryValueOfALineIsBounded: this holds for every kind of field. A long plan becomes several records that
// together contain every step.
func TestEveryValueOfALineIsBounded(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("ü", 1<<20)
	var out strings.Builder
	log := zap.New(newCore(zapcore.AddSync(&out), zap.InfoLevel)).With(zap.String("with", long))
	var none *testing.T
	log.Info("a message", zap.String("text", long), zap.Error(errors.New(long)), zap.Stringer("stringer", text(long)), zap.Stringer("nil", text("")),
		zap.Strings("texts", []string{"short", long}), zap.Strings("list", strings.Split(strings.Repeat("x,", 1000), ",")), zap.Int("number", 1), zap.Any("nothing", none), zap.NamedError("cause", nil))
	line := out.String()
	if len(line) > 64<<10 || !utf8.ValidString(line) || !strings.Contains(line, `"short","ü`) || !strings.Contains(line, "and 873 others") || !strings.Contains(line, `"number":1`) {
		t.Errorf("a line of %d bytes: %.300s", len(line), line)
	}
	out.Reset()
	plan := make([]string, 1001)
	for i := range plan {
		plan[i] = fmt.Sprintf("add_member %d", i)
	}
	Audit(t.Context(), log, Write{Tenant: "acme", Plan: plan, Done: 1001, Result: "done"})
	seen := 0
	for line := range strings.Lines(out.String()) {
		var record struct {
			Plan              []string
			Part, Parts, Done int
		}
		if err := json.Unmarshal([]byte(line), &record); err != nil || record.Part != seen/100+1 || record.Parts != 11 || record.Done != 1001 {
			t.Fatalf("%v: %.300s", err, line)
		}
		for _, step := range record.Plan {
			if step != plan[seen] {
				t.Fatalf("step %d is %q", seen, step)
			}
			seen++
		}
	}
	if seen != len(plan) {
		t.Errorf("%d of %d steps are written", seen, len(plan))
	}
}

type text string

func (t text) String() string { return string(t) }
