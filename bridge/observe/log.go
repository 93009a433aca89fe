package observe

import (
	"fmt"
	"os"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// NewLog makes the JSON log on standard error. Every request gets a line: nothing is sampled. The length of values is
// limited (see Bound). The levels are those of zap: debug, info, warn, error. Audit records are written at every
// level.
func NewLog(level string) (*zap.Logger, error) {
	parsed, err := zapcore.ParseLevel(level)
	if err != nil {
		return nil, fmt.Errorf("log level: %w", err)
	}
	return zap.New(newCore(zapcore.Lock(os.Stderr), parsed)), nil
}

func newCore(to zapcore.WriteSyncer, level zapcore.Level) zapcore.Core {
	encoder := zap.NewProductionEncoderConfig()
	encoder.TimeKey, encoder.EncodeTime = "time", zapcore.RFC3339NanoTimeEncoder
	return core{Bound(zapcore.NewCore(zapcore.NewJSONEncoder(encoder), to, min(level, zapcore.InfoLevel))), level}
}

// core has a level that does not apply to audit records, which have the level info.
type core struct {
	zapcore.Core

	level zapcore.Level
}

// With implements zapcore.Core.
func (c core) With(fields []zapcore.Field) zapcore.Core {
	return core{c.Core.With(fields), c.level}
}

// Check implements zapcore.Core.
func (c core) Check(e zapcore.Entry, to *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if e.LoggerName == auditName || e.Level >= c.level {
		return c.Core.Check(e, to)
	}
	return to
}
