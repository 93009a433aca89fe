package observe

import (
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// TestAuditRecordsAreWrittenAtEveryLevel of the log, and nothing else below it.
func TestAuditRecordsAreWrittenAtEveryLevel(t *testing.T) {
	t.Parallel()
	for _, level := range []zapcore.Level{zap.DebugLevel, zap.InfoLevel, zap.WarnLevel, zap.ErrorLevel} {
		var out strings.Builder
		log := zap.New(newCore(zapcore.AddSync(&out), level)).With(zap.String("with", "field"))
		for _, message := range []zapcore.Level{zap.DebugLevel, zap.InfoLevel, zap.WarnLevel, zap.ErrorLevel} {
			log.Log(message, "a message")
		}
		Audit(t.Context(), log, Write{Tenant: "acme", Result: "done"})
		lines := strings.Split(strings.TrimSpace(out.String()), "\n")
		last := lines[len(lines)-1]
		if want := int(zap.ErrorLevel-level) + 2; len(lines) != want || !strings.Contains(last, `"logger":"audit"`) || !strings.Contains(last, `"client":"operator"`) || !strings.Contains(last, `"with":"field"`) {
			t.Errorf("level %s: %d lines, want %d, the last of them an audit record:\n%s", level, len(lines), want, out.String())
		}
	}
}
