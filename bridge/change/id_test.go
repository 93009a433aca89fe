package change

import (
	"testing"
	"time"

	"github.com/google/uuid"
)

func TestAnIDOfAnEventIsAUUIDOfVersion7(t *testing.T) {
	t.Parallel()
	for _, at := range []time.Time{{}, time.UnixMilli(0), time.UnixMilli(1), time.UnixMilli(1_893_456_789_012), time.UnixMilli(1<<48 - 1)} {
		id := IDOf(at, "acme", "0b6c6e9f")
		parsed, err := uuid.Parse(string(id))
		if err != nil || parsed.Version() != 7 || parsed.Variant() != uuid.RFC4122 {
			t.Errorf("%s is version %d, variant %s, %v", id, parsed.Version(), parsed.Variant(), err)
		}
		var ms int64
		for _, b := range parsed[:6] {
			ms = ms<<8 | int64(b)
		}
		if ms != max(0, at.UnixMilli()) {
			t.Errorf("%s has the time %d, want %d", id, ms, at.UnixMilli())
		}
		if again, err := ParseID(string(id)); err != nil || again != id {
			t.Errorf("ParseID reads %s, %v", again, err)
		}
	}
}

func TestAnIDOfAnEventHasItsTimeAndItsNames(t *testing.T) {
	t.Parallel()
	at := time.UnixMilli(1_893_456_789_012)
	id := IDOf(at, "acme", "0b6c6e9f")
	if IDOf(at.Add(time.Microsecond), "acme", "0b6c6e9f") != id {
		t.Error("the same event has another ID")
	}
	for name, other := range map[string]ID{
		"another time": IDOf(at.Add(time.Millisecond), "acme", "0b6c6e9f"), "another realm": IDOf(at, "other", "0b6c6e9f"),
		"another name": IDOf(at, "acme", "0b6c6e9e"), "the same letters": IDOf(at, "acme0", "b6c6e9f"), "fewer names": IDOf(at, "acme0b6c6e9f"),
	} {
		if other == id {
			t.Errorf("%s has the same ID", name)
		}
	}
	if IDOf(at.Add(time.Millisecond), "a") < IDOf(at, "b") {
		t.Error("IDs do not sort by their times")
	}
}
