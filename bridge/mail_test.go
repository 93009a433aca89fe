package bridge_test

import (
	"bufio"
	"fmt"
	"html"
	"io"
	"net"
	"net/textproto"
	"regexp"
	"strings"
	"testing"
)

// mailbox receives mail on loopback (RFC 5321, the part that Keycloak uses) until the test ends.
type mailbox struct {
	port int
	mail chan string
}

func newMailbox(t *testing.T) mailbox {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	box := mailbox{mail: make(chan string, 1)}
	if address, ok := listener.Addr().(*net.TCPAddr); ok {
		box.port = address.Port
	}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go box.serve(conn)
		}
	}()
	return box
}

func (box mailbox) serve(conn net.Conn) {
	defer conn.Close()
	in, say := textproto.NewReader(bufio.NewReader(conn)), func(line string) { _, _ = fmt.Fprintf(conn, "%s\r\n", line) }
	say("220 mailbox")
	for {
		line, err := in.ReadLine()
		if err != nil {
			return
		}
		switch verb, _, _ := strings.Cut(strings.ToUpper(line), " "); verb {
		case "DATA":
			say("354 go on")
			data, err := io.ReadAll(in.DotReader())
			if err != nil {
				return
			}
			say("250 taken")
			box.mail <- string(data)
		case "QUIT":
			say("221 bye")
			return
		default:
			say("250 ok")
		}
	}
}

var mailedLink = regexp.MustCompile(`https?://[^\s"<>]+`)

// link is the first link of the next mail.
func (box mailbox) link(t *testing.T) string {
	t.Helper()
	select {
	case mail := <-box.mail:
		link := mailedLink.FindString(mail)
		if link == "" {
			t.Fatalf("the mail is %q", mail)
		}
		return html.UnescapeString(link) // Keycloak escapes the plain text too
	case <-t.Context().Done():
		t.Fatal("no mail came")
	}
	return ""
}
