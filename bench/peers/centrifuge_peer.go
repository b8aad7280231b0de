// The Centrifuge peer: the library that Centrifugo is made of, with its Redis engine. Each room is a
// channel with a history in a Redis stream; a message's number is its offset there.
package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"log"
	"net/http"
	"os"
	"time"

	"github.com/centrifugal/centrifuge"
)

const (
	historySize = 100_000 // messages of a room, as many as Tchat keeps
	historyTTL  = 24 * time.Hour
)

type member struct {
	ID   string `json:"id"`
	Nick string `json:"nick"`
}

type message struct {
	Type   string `json:"type"`
	ID     string `json:"id"`
	Member member `json:"member"`
	Text   string `json:"text"`
	At     string `json:"at"`
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

// Makes a member of the nick that a client connects with; it travels as the credentials' info.
func connect(_ context.Context, e centrifuge.ConnectEvent) (centrifuge.ConnectReply, error) {
	var m member
	if json.Unmarshal(e.Data, &m) != nil {
		return centrifuge.ConnectReply{}, centrifuge.DisconnectBadRequest
	}
	random := make([]byte, 16)
	if _, err := rand.Read(random); err != nil {
		return centrifuge.ConnectReply{}, err
	}
	m.ID = base64.RawURLEncoding.EncodeToString(random)
	info, err := json.Marshal(m)
	return centrifuge.ConnectReply{Credentials: &centrifuge.Credentials{UserID: m.ID, Info: info}}, err
}

func main() {
	config := centrifuge.DefaultConfig
	config.LogLevel = centrifuge.LogLevelError
	config.LogHandler = func(e centrifuge.LogEntry) { log.Printf("%s %v", e.Message, e.Fields) }
	node, err := centrifuge.New(config)
	must(err)
	shard, err := centrifuge.NewRedisShard(node, centrifuge.RedisShardConfig{Address: os.Args[2]})
	must(err)
	broker, err := centrifuge.NewRedisBroker(node, centrifuge.RedisBrokerConfig{
		UseStreams: true,
		Shards:     []*centrifuge.RedisShard{shard},
	})
	must(err)
	node.SetBroker(broker)

	publish := func(room string, info, data []byte) (centrifuge.PublishResult, error) {
		m := message{Type: "message", At: time.Now().UTC().Format("2006-01-02T15:04:05.000Z")}
		if err := json.Unmarshal(data, &m); err != nil {
			return centrifuge.PublishResult{}, centrifuge.ErrorBadRequest
		}
		if err := json.Unmarshal(info, &m.Member); err != nil {
			return centrifuge.PublishResult{}, err
		}
		encoded, err := json.Marshal(m)
		if err != nil {
			return centrifuge.PublishResult{}, err
		}
		return node.Publish(room, encoded, centrifuge.WithHistory(historySize, historyTTL))
	}
	node.OnConnecting(connect)
	node.OnConnect(func(client *centrifuge.Client) {
		client.OnSubscribe(func(_ centrifuge.SubscribeEvent, done centrifuge.SubscribeCallback) {
			done(centrifuge.SubscribeReply{}, nil)
		})
		client.OnPublish(func(e centrifuge.PublishEvent, done centrifuge.PublishCallback) {
			result, err := publish(e.Channel, e.ClientInfo.ConnInfo, e.Data)
			done(centrifuge.PublishReply{Result: &result}, err)
		})
	})
	must(node.Run())
	http.Handle("/connection/websocket", centrifuge.NewWebsocketHandler(node, centrifuge.WebsocketConfig{
		PingInterval: 10 * time.Minute, // no ping during a measurement
	}))
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Args[1], nil))
}
