package store_test

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store"
)

func TestAPositionIsReadAsItIsWritten(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]store.Position{
		"1-0":  {Epoch: 1},
		"1-42": {Epoch: 1, Number: 42},
		"7-1":  {Epoch: 7, Number: 1},
		"9223372036854775807-9223372036854775807": {Epoch: math.MaxInt64, Number: math.MaxInt64},
	} {
		got, err := store.ParsePosition(text)
		if err != nil || got != want || got.String() != text {
			t.Errorf("%s is %v, %v", text, got, err)
		}
	}
}

func TestHostilePositionsAreRefused(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "-", "1", "1-", "-1", "0-1", "0-0", "-1-1", "1--1", "1-2-3", "01-2", "1-02", "+1-2", "1-+2", " 1-2", "1- 2", "1-2 ", "1-2\n", "1_0-2", "0x1-2", "1e3-2", "1.0-2", "１-2", "1–2", "9223372036854775808-1",
		"1-9223372036854775808", "1-99999999999999999999999999", "\x00", "1-2\x00", strings.Repeat("9", 1<<16) + "-1",
	} {
		got, err := store.ParsePosition(text)
		if err == nil || got != (store.Position{}) {
			t.Errorf("%.50q is %v", text, got)
			continue
		}
		if len(err.Error()) > 300 {
			t.Errorf("the error of %.50q has %d bytes", text, len(err.Error()))
		}
	}
}

// link is the text of a link.
const link = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

func TestAHeadIsReadAsItIsWritten(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"k3v/1-42/" + link, "a/1-0/" + strings.Repeat("0", 64), "ü-_ ./7-1/" + link} {
		head, err := store.ParseHead(text)
		if err != nil || head.String() != text {
			t.Errorf("%s is %v, %v", text, head, err)
		}
	}
	head, err := store.ParseHead("k3v/1-42/" + link)
	if err != nil {
		t.Fatal(err)
	}
	if head.Store != "k3v" || head.Position != (store.Position{Epoch: 1, Number: 42}) || head.Link[0] != 0x9f || head.Link[31] != 0x08 {
		t.Errorf("the head is %+v", head)
	}
}

func TestHostileHeadsAreRefused(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "/", "//", "k3v", "k3v/1-42", "k3v/1-42/", "/1-42/" + link, "k3v/42/" + link, "k3v/0-42/" + link, "k3v//" + link, "a/b/1-42/" + link, "k3v/1-42/" + link + "/", "k3v/1-42/" + strings.ToUpper(link), "k3v/1-42/" + link[:62],
		"k3v/1-42/" + link[:63], "k3v/1-42/" + link + "00", "k3v/1-42/" + link[:63] + "g", "k3v/1-42/ " + link, "k3v/1-42/" + link + "\n", strings.Repeat("/", 1<<16), strings.Repeat("x", 1<<16) + "/1-1/",
	} {
		got, err := store.ParseHead(text)
		if err == nil || got != (store.Head{}) {
			t.Errorf("%.50q is %v", text, got)
			continue
		}
		if !strings.Contains(err.Error(), `"msg":"head of the journal"`) || len(err.Error()) > 800 {
			t.Errorf("the error of %.50q is %.1000s", text, err)
		}
	}
}

func TestHeadsAndPositionsAreTextInJSON(t *testing.T) {
	t.Parallel()
	head, err := store.ParseHead("k3v/1-42/" + link)
	if err != nil {
		t.Fatal(err)
	}
	proof := store.Proof{Head: head, Entries: 40, Erased: 3, Pruned: 2}
	data, err := json.Marshal(proof)
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"head":"k3v/1-42/` + link + `","entries":40,"erased":3,"pruned":2}`; string(data) != want {
		t.Errorf("the proof is %s, want %s", data, want)
	}
	var again store.Proof
	if err := json.Unmarshal(data, &again); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(proof, again); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	data, err = json.Marshal(head.Position)
	if err != nil || string(data) != `"1-42"` {
		t.Errorf("the position is %s, %v", data, err)
	}
}

// TestWrongTextLeavesTheValue that was there.
func TestWrongTextLeavesTheValue(t *testing.T) {
	t.Parallel()
	head, err := store.ParseHead("k3v/1-42/" + link)
	if err != nil {
		t.Fatal(err)
	}
	before := head
	if err := head.UnmarshalText([]byte("k3v/1-43")); err == nil || head != before {
		t.Errorf("the head is %v, %v", head, err)
	}
	if err := head.Position.UnmarshalText([]byte("0-1")); err == nil || head != before {
		t.Errorf("the position is %v, %v", head.Position, err)
	}
	if err := head.Position.UnmarshalText([]byte("2-43")); err != nil || head.Position != (store.Position{Epoch: 2, Number: 43}) {
		t.Errorf("the position is %v, %v", head.Position, err)
	}
}

func TestABrokenJournalNamesItsFirstWrongEntry(t *testing.T) {
	t.Parallel()
	for want, err := range map[string]*store.BrokenError{
		"the journal was altered at entry 42: the entry was changed":    {Number: 42, What: "the entry was changed"},
		"the journal was altered: the head k3v/1-1 is of another store": {What: "the head k3v/1-1 is of another store"},
	} {
		if err.Error() != want {
			t.Errorf("the error is %q, want %q", err, want)
		}
	}
}

func FuzzParsePosition(f *testing.F) {
	for _, text := range []string{"1-42", "1-0", "01-2", "1--2", "9223372036854775808-1"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := store.ParsePosition(text)
		switch {
		case err == nil && (p.String() != text || p.Epoch < 1 || p.Number < 0):
			t.Errorf("%q is %+v", text, p)
		case err != nil && p != store.Position{}:
			t.Errorf("%q is %+v, %v", text, p, err)
		}
	})
}

func FuzzParseHead(f *testing.F) {
	for _, text := range []string{"k3v/1-42/" + link, "a/b/1-42/" + link, "/1-1/" + link, "k3v/1-42/" + strings.ToUpper(link)} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		h, err := store.ParseHead(text)
		switch {
		case err == nil && (h.String() != text || h.Store == "" || h.Position.Epoch < 1):
			t.Errorf("%q is %+v", text, h)
		case err != nil && h != store.Head{}:
			t.Errorf("%q is %+v, %v", text, h, err)
		}
	})
}
