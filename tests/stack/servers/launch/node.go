package main

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
)

const nodeName = "node"

// node stands in for the scheduler and one kubelet: it binds every pod to itself and reports what would become of the
// pod, without running anything.
type node struct {
	session *session
	client  kubernetes.Interface
	pods    atomic.Uint32 // how many were started, for their addresses
}

func startNode(s *session, client kubernetes.Interface, address string) error {
	n := &node{session: s, client: client}
	kubelet, err := strconv.ParseInt(port(address), 10, 32)
	if err != nil {
		return err
	}
	capacity := corev1.ResourceList{
		"cpu": resource.MustParse("64"), "memory": resource.MustParse("256Gi"), "pods": resource.MustParse("1000"),
	}
	now := metav1.Now()
	object := &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: nodeName, Labels: map[string]string{"kubernetes.io/hostname": nodeName}},
		Status: corev1.NodeStatus{
			Capacity: capacity, Allocatable: capacity,
			Addresses:       []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: "127.0.0.1"}},
			DaemonEndpoints: corev1.NodeDaemonEndpoints{KubeletEndpoint: corev1.DaemonEndpoint{Port: int32(kubelet)}},
			Conditions: []corev1.NodeCondition{{
				Type: corev1.NodeReady, Status: corev1.ConditionTrue, LastHeartbeatTime: now, LastTransitionTime: now,
			}},
		},
	}
	if _, err := client.CoreV1().Nodes().Create(s.ctx, object, metav1.CreateOptions{}); err != nil {
		return err
	}
	if err := n.serveLogs(address); err != nil {
		return err
	}
	// What fails is tried again when the informer goes over all pods, which it does this often.
	factory := informers.NewSharedInformerFactory(client, time.Second)
	handle := func(object any) {
		if pod, ok := object.(*corev1.Pod); ok {
			n.advance(pod)
		}
	}
	if _, err := factory.Core().V1().Pods().Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc: handle, UpdateFunc: func(_, object any) { handle(object) },
	}); err != nil {
		return err
	}
	factory.Start(s.ctx.Done())
	return nil
}

// serveLogs answers the API server's requests for logs: one line that names the container.
func (n *node) serveLogs(address string) error {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	go http.ServeTLS(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if container, ok := strings.CutPrefix(r.URL.Path, "/containerLogs/"); ok {
			fmt.Fprintf(w, "log of %s\n", container)
			return
		}
		http.NotFound(w, r)
	}), n.session.path("server.crt"), n.session.path("server.key"))
	return nil
}

// advance moves a pod one step on.
func (n *node) advance(pod *corev1.Pod) {
	pods, ctx := n.client.CoreV1().Pods(pod.Namespace), n.session.ctx
	switch {
	case pod.DeletionTimestamp != nil:
		now := metav1.DeleteOptions{GracePeriodSeconds: new(int64), Preconditions: &metav1.Preconditions{UID: &pod.UID}}
		pods.Delete(ctx, pod.Name, now)
	case pod.Status.StartTime != nil: // it was started
	case wish(pod, "") == "pending":
		if len(pod.Status.Conditions) > 0 {
			return
		}
		n.report(pod, corev1.PodStatus{Phase: corev1.PodPending, Conditions: []corev1.PodCondition{{
			Type: corev1.PodScheduled, Status: corev1.ConditionFalse, LastTransitionTime: metav1.Now(),
			Reason: corev1.PodReasonUnschedulable, Message: "0/1 nodes are available: 1 Insufficient cpu.",
		}}})
	case pod.Spec.NodeName == "":
		pods.Bind(ctx, &corev1.Binding{
			ObjectMeta: metav1.ObjectMeta{Name: pod.Name, Namespace: pod.Namespace, UID: pod.UID},
			Target:     corev1.ObjectReference{Kind: "Node", Name: nodeName},
		}, metav1.CreateOptions{})
	default:
		n.report(pod, n.run(pod))
	}
}

func (n *node) report(pod *corev1.Pod, status corev1.PodStatus) {
	patch, err := json.Marshal(map[string]any{"status": status})
	if err != nil {
		return
	}
	n.client.CoreV1().Pods(pod.Namespace).
		Patch(n.session.ctx, pod.Name, types.StrategicMergePatchType, patch, metav1.PatchOptions{}, "status")
}

// wish is what a test wants to become of a pod: crash, missing (its image), unready, pending, or nothing special. It is
// said in the annotation "stack/pod", for all of the pod, or at the end of the container's image: "api:1.4.2-crash".
func wish(pod *corev1.Pod, image string) string {
	if said := pod.Annotations["stack/pod"]; said != "" {
		return said
	}
	return image[strings.LastIndexAny(image, "-:")+1:]
}

// run is the status of a pod that was just started, with words and numbers as kubelet has them.
func (n *node) run(pod *corev1.Pod) corev1.PodStatus {
	now, yes := metav1.Now(), true
	number := n.pods.Add(1)
	ip := fmt.Sprintf("10.%d.%d.%d", number>>16&255, number>>8&255, number&255)
	status := corev1.PodStatus{
		Phase: corev1.PodRunning, StartTime: &now, HostIP: "127.0.0.1", PodIP: ip, PodIPs: []corev1.PodIP{{IP: ip}},
	}
	ended := func(code int32, reason string) *corev1.ContainerStateTerminated {
		return &corev1.ContainerStateTerminated{ExitCode: code, Reason: reason, StartedAt: now, FinishedAt: now}
	}
	for _, c := range pod.Spec.InitContainers {
		status.InitContainerStatuses = append(status.InitContainerStatuses, corev1.ContainerStatus{
			Name: c.Name, Image: c.Image, ImageID: c.Image, ContainerID: "none://" + c.Name, Ready: true,
			State: corev1.ContainerState{Terminated: ended(0, "Completed")},
		})
	}
	ready := corev1.ConditionTrue
	for _, c := range pod.Spec.Containers {
		container := corev1.ContainerStatus{Name: c.Name, Image: c.Image, ImageID: c.Image, ContainerID: "none://" + c.Name}
		once := pod.Spec.RestartPolicy != corev1.RestartPolicyAlways
		switch wish := wish(pod, c.Image); {
		case wish == "missing":
			status.Phase, ready = corev1.PodPending, corev1.ConditionFalse
			message := fmt.Sprintf("Back-off pulling image %q", c.Image)
			container.State.Waiting = &corev1.ContainerStateWaiting{Reason: "ImagePullBackOff", Message: message}
			n.warn(pod, "Failed", message)
		case wish == "crash" && once:
			status.Phase, ready = corev1.PodFailed, corev1.ConditionFalse
			container.State.Terminated = ended(1, "Error")
		case wish == "crash":
			ready = corev1.ConditionFalse
			message := fmt.Sprintf("back-off 5m0s restarting failed container=%s pod=%s", c.Name, pod.Name)
			container.State.Waiting = &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff", Message: message}
			container.LastTerminationState.Terminated = ended(1, "Error")
			container.RestartCount = 5
			n.warn(pod, "BackOff", message)
		case wish == "unready":
			ready = corev1.ConditionFalse
			container.Started = &yes
			container.State.Running = &corev1.ContainerStateRunning{StartedAt: now}
			n.warn(pod, "Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503")
		case once:
			status.Phase, ready = corev1.PodSucceeded, corev1.ConditionFalse
			container.State.Terminated = ended(0, "Completed")
		default:
			container.Ready, container.Started = true, &yes
			container.State.Running = &corev1.ContainerStateRunning{StartedAt: now}
		}
		status.ContainerStatuses = append(status.ContainerStatuses, container)
	}
	for condition, value := range map[corev1.PodConditionType]corev1.ConditionStatus{
		corev1.PodScheduled: corev1.ConditionTrue, corev1.PodInitialized: corev1.ConditionTrue,
		corev1.ContainersReady: ready, corev1.PodReady: ready,
	} {
		status.Conditions = append(status.Conditions, corev1.PodCondition{
			Type: condition, Status: value, LastTransitionTime: now,
		})
	}
	return status
}

// warn is the event that kubelet would send about a pod that does not get on.
func (n *node) warn(pod *corev1.Pod, reason, message string) {
	now := metav1.Now()
	n.client.CoreV1().Events(pod.Namespace).Create(n.session.ctx, &corev1.Event{
		ObjectMeta: metav1.ObjectMeta{GenerateName: pod.Name + ".", Namespace: pod.Namespace},
		InvolvedObject: corev1.ObjectReference{
			APIVersion: "v1", Kind: "Pod", Namespace: pod.Namespace, Name: pod.Name, UID: pod.UID,
		},
		Type: corev1.EventTypeWarning, Reason: reason, Message: message, Count: 5, FirstTimestamp: now, LastTimestamp: now,
		Source: corev1.EventSource{Component: "kubelet", Host: nodeName},
	}, metav1.CreateOptions{})
}
