// The Go peer: gorilla/websocket, one hub goroutine per room, a reader and a writer
// goroutine and a bounded queue per connection; the page is files in a folder. Built together
// with go_log.go, it keeps each message before anybody sees it.
package main

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"log"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

const queueLength = 256 // messages; a connection that is further behind is closed

type command struct {
	Type string `json:"type"`
	Room string `json:"room"`
	Nick string `json:"nick"`
	Key  string `json:"key"`
	ID   string `json:"id"`
	Text string `json:"text"`
}

type member struct {
	ID   string `json:"id"`
	Nick string `json:"nick"`
}

type message struct {
	Type   string `json:"type"`
	Seq    int    `json:"seq"`
	ID     string `json:"id"`
	Member member `json:"member"`
	Text   string `json:"text"`
	At     string `json:"at"`
}

type welcome struct {
	Type   string `json:"type"`
	Room   string `json:"room"`
	Seq    int    `json:"seq"`
	Member member `json:"member"`
}

type client struct {
	conn   *websocket.Conn
	member member
	queue  chan *websocket.PreparedMessage
}

type room struct {
	name        string
	join, leave chan *client
	messages    chan message
}

var (
	mutex    sync.Mutex
	rooms    = map[string]*room{}
	upgrader = websocket.Upgrader{ReadBufferSize: 1024, WriteBufferPool: &sync.Pool{}}

	// Brings a message to its room. A log stands here if there is one (go_log.go).
	submit = func(r *room, m message) { r.messages <- m }
)

func stamp(at time.Time) string {
	return at.UTC().Format("2006-01-02T15:04:05.000Z")
}

func prepared(event interface{}) *websocket.PreparedMessage {
	data, err := json.Marshal(event)
	if err != nil {
		log.Fatal(err)
	}
	frame, err := websocket.NewPreparedMessage(websocket.TextMessage, data)
	if err != nil {
		log.Fatal(err)
	}
	return frame
}

func findRoom(name string) *room {
	mutex.Lock()
	defer mutex.Unlock()
	r := rooms[name]
	if r == nil {
		r = openRoom(name, 0)
	}
	return r
}

// The caller holds the mutex, or is alone.
func openRoom(name string, seq int) *room {
	r := &room{name, make(chan *client), make(chan *client), make(chan message, queueLength)}
	rooms[name] = r
	go r.run(seq)
	return r
}

func (r *room) run(seq int) {
	clients := map[*client]bool{}
	for {
		select {
		case c := <-r.join:
			clients[c] = true
			c.queue <- prepared(welcome{"welcome", r.name, seq, c.member})
		case c := <-r.leave:
			if clients[c] {
				delete(clients, c)
				close(c.queue)
			}
		case m := <-r.messages:
			if m.Seq == 0 { // no log has numbered it
				m.Seq, m.At = seq+1, stamp(time.Now())
			}
			seq = m.Seq
			frame := prepared(m) // encoded and framed once for all
			for c := range clients {
				select {
				case c.queue <- frame:
				default: // too slow
					delete(clients, c)
					close(c.queue)
				}
			}
		}
	}
}

func (c *client) write() {
	defer c.conn.Close()
	for frame := range c.queue {
		if c.conn.WritePreparedMessage(frame) != nil {
			return
		}
	}
}

func serve(w http.ResponseWriter, r *http.Request) {
	conn, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	defer conn.Close()
	conn.SetReadLimit(16 * 1024)
	var c *client
	var in *room
	for {
		var cmd command
		if conn.ReadJSON(&cmd) != nil {
			break
		}
		switch {
		case cmd.Type == "join" && c == nil:
			hash := sha256.Sum256([]byte(cmd.Key))
			public := base64.RawURLEncoding.EncodeToString(hash[:16])
			queue := make(chan *websocket.PreparedMessage, queueLength)
			c = &client{conn, member{public, cmd.Nick}, queue}
			in = findRoom(cmd.Room)
			go c.write()
			in.join <- c
		case cmd.Type == "post" && c != nil:
			submit(in, message{Type: "message", ID: cmd.ID, Member: c.member, Text: cmd.Text})
		}
	}
	if c != nil {
		in.leave <- c
	}
}

func main() {
	http.HandleFunc("/ws", serve)
	http.Handle("/", http.FileServer(http.Dir(os.Args[2])))
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Args[1], nil))
}
