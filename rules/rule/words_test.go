package rule_test

import (
	"testing"

	"postmortem/rules/rule"
)

func TestTypeName(t *testing.T) {
	for name, want := range map[string]string{
		"main.Store.mu": "main.Store.mu",
		"map[string]github.com/prometheus/pushgateway/storage.Family": "map[string]storage.Family",
		"*github.com/redis/go-redis/v9.PubSub.exit":                   "*go-redis.PubSub.exit",
		"example.com/q.Queue[example.com/shop/orders.Job].ch":         "q.Queue[orders.Job].ch",
		"goroutine 78 (github.com/coredns/caddy.start.func1)":         "goroutine 78 (caddy.start.func1)",
		"chan<- os.Signal":                 "chan<- os.Signal",
		"jobs in net/http.(*Server).Serve": "jobs in http.(*Server).Serve",
	} {
		if got := rule.TypeName(name); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
}
