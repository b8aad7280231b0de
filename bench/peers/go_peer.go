// The Go peer: gorilla/websocket, one hub goroutine per room, a reader and a writer
// goroutine and a bounded queue per connection; the page is files in a folder.
package main

import (
	"crypto/rand"
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

type post struct {
	from     *client
	id, text string
}

type room struct {
	name        string
	join, leave chan *client
	posts       chan post
}

var (
	mutex    sync.Mutex
	rooms    = map[string]*room{}
	upgrader = websocket.Upgrader{ReadBufferSize: 1024, WriteBufferPool: &sync.Pool{}}
)

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
		r = &room{name, make(chan *client), make(chan *client), make(chan post, queueLength)}
		rooms[name] = r
		go r.run()
	}
	return r
}

func (r *room) run() {
	clients := map[*client]bool{}
	seq := 0
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
		case p := <-r.posts:
			seq++
			at := time.Now().UTC().Format("2006-01-02T15:04:05.000Z")
			// Encoded and framed once for all.
			frame := prepared(message{"message", seq, p.id, p.from.member, p.text, at})
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
			id := make([]byte, 16)
			rand.Read(id)
			public := base64.RawURLEncoding.EncodeToString(id)
			queue := make(chan *websocket.PreparedMessage, queueLength)
			c = &client{conn, member{public, cmd.Nick}, queue}
			in = findRoom(cmd.Room)
			go c.write()
			in.join <- c
		case cmd.Type == "post" && c != nil:
			in.posts <- post{c, cmd.ID, cmd.Text}
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
