"""A headless Chromium, driven through its DevTools protocol over a pipe.

Needs the browser alone, no package of Python.
"""
import base64
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from typing import Any, Callable, List, Optional

NAMES = ('chromium', 'chromium-browser', 'google-chrome', 'chrome')
OPTIONS = ('--headless=new', '--remote-debugging-pipe', '--no-sandbox',
           '--disable-dev-shm-usage', '--disable-gpu', '--no-first-run',
           '--disable-extensions', '--disable-background-networking',
           '--disable-component-update', '--disable-sync', '--mute-audio',
           '--autoplay-policy=no-user-gesture-required', '--hide-scrollbars')


def find_browser() -> Optional[str]:
    """Path of an installed Chromium, or None."""
    return next(filter(None, map(shutil.which, NAMES)), None)


# of keys that type nothing
KEY_CODES = dict(Tab=9, Enter=13, Escape=27, ArrowLeft=37, ArrowRight=39)


class Chromium:
    """One browser with one page.

    Attributes:
        events (list[dict]): What the page reported, in order: requests,
            console messages, uncaught errors and dialogs.
    """

    def __init__(self, width: int = 1280, height: int = 900) -> None:
        self.events: List[dict] = []
        self._profile = tempfile.mkdtemp(prefix='chromium')
        # Chromium reads commands from 3 and writes to 4
        commands, self._to = os.pipe()
        self._from, answers = os.pipe()
        # numbers that the two cannot overwrite
        self._process = subprocess.Popen([
            'bash', '-c', f'exec "$@" 3<&{commands} 4>&{answers}', 'bash',
            find_browser(), *OPTIONS, f'--user-data-dir={self._profile}',
            f'--window-size={width},{height}', 'about:blank'
        ],
                                         pass_fds=(commands, answers),
                                         stdout=subprocess.DEVNULL,
                                         stderr=subprocess.DEVNULL)
        os.close(commands)
        os.close(answers)
        self._rest = b''
        self._number = 0
        self._session: Optional[str] = None
        target = self.send('Target.createTarget', url='about:blank')
        self._session = self.send(
            'Target.attachToTarget', targetId=target['targetId'],
            flatten=True)['sessionId']
        for domain in ('Page', 'Runtime', 'Network', 'Log'):
            self.send(f'{domain}.enable')
        # of the processor, so that what runs beside the browser does not count
        self.send('Performance.enable', timeDomain='threadTicks')
        self.resize(width, height)

    def close(self) -> None:
        """End the browser and remove its profile."""
        self._process.kill()
        self._process.wait()
        os.close(self._to)
        os.close(self._from)
        shutil.rmtree(self._profile, ignore_errors=True)

    def send(self, method: str, **params: Any) -> dict:
        """Send a command and wait for its answer."""
        self._number += 1
        message = dict(id=self._number, method=method, params=params)
        if self._session:
            message['sessionId'] = self._session
        os.write(self._to, json.dumps(message).encode() + b'\0')
        while True:
            answer = self._read()
            if answer.get('id') == self._number:
                if 'error' in answer:
                    raise RuntimeError(f'{method}: {answer["error"]}')
                return answer['result']
            self.events.append(answer)
            if answer.get('method') == 'Page.javascriptDialogOpening':
                raise RuntimeError(f'the page opened a dialog: {answer}')

    def run(self, code: str) -> Any:
        """Evaluate JavaScript; a promise is waited for."""
        out = self.send(
            'Runtime.evaluate',
            expression=code,
            returnByValue=True,
            awaitPromise=True,
            userGesture=True)
        if 'exceptionDetails' in out:
            raise RuntimeError(f'{code}: {out["exceptionDetails"]}')
        return out['result'].get('value')

    def wait(self, code: str, seconds: float = 10.) -> Any:
        """Evaluate JavaScript until it is true.

        Raises:
            TimeoutError: If it does not get true.
        """
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            value = self.run(code)
            if value:
                return value
            time.sleep(0.01)
        raise TimeoutError(f'{code} stays {value!r}')

    def open(self, url: str) -> None:
        """Open a page and wait until it has loaded."""
        self.run('window.isOld = true')
        self.events.clear()
        self.send('Page.navigate', url=url)
        self.wait('!window.isOld && document.readyState === "complete"')
        self.next_frame()

    def next_frame(self) -> None:
        """Wait until what a script has asked for is drawn."""
        self.run('new Promise(done => requestAnimationFrame('
                 '() => requestAnimationFrame(() => setTimeout(done))))')

    def resize(self, width: int, height: int, mobile: bool = False) -> None:
        """Set the size of the window, in CSS pixels."""
        self.send(
            'Emulation.setDeviceMetricsOverride',
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=mobile)

    def set_dark(self, dark: bool) -> None:
        """Set what the system prefers."""
        value = 'dark' if dark else 'light'
        feature = dict(name='prefers-color-scheme', value=value)
        self.send('Emulation.setEmulatedMedia', features=[feature])

    def click(self, x: float, y: float) -> None:
        """Press and release the mouse."""
        for kind in ('mousePressed', 'mouseReleased'):
            self.send(
                'Input.dispatchMouseEvent',
                type=kind,
                x=x,
                y=y,
                button='left',
                clickCount=1)
        self.next_frame()

    def click_on(self, selector: str) -> None:
        """Click the middle of an element, where a person would."""
        self.click(
            *self.run(f'(e => {{ e.scrollIntoView({{block: "nearest"}}); '
                      'const b = e.getBoundingClientRect(); '
                      'return [b.x + b.width / 2, b.y + b.height / 2]; })'
                      f'(document.querySelector({json.dumps(selector)}))'))

    def press(self, key: str, shift: bool = False) -> None:
        """Press and release a key, such as ``'n'`` or ``'ArrowLeft'``."""
        for kind in ('keyDown', 'keyUp'):
            params = dict(
                key=key,
                code=key,
                modifiers=8 if shift else 0,
                windowsVirtualKeyCode=KEY_CODES.get(key, 0))
            if len(key) == 1 and kind == 'keyDown':
                params['text'] = key
            self.send('Input.dispatchKeyEvent', type=kind, **params)
        self.next_frame()

    def screenshot(self, path: str) -> None:
        """Write what is seen as a PNG."""
        data = self.send('Page.captureScreenshot')['data']
        with open(path, 'wb') as file:
            file.write(base64.b64decode(data))

    def cpu_seconds(self) -> float:
        """Processor time that the page has taken since it was opened."""
        metrics = self.send('Performance.getMetrics')['metrics']
        return next(each['value'] for each in metrics
                    if each['name'] == 'TaskDuration')

    def seen(self,
             method: str,
             pick: Callable[[dict], Any] = lambda params: params) -> List[Any]:
        """What of one kind the page has reported since it was opened."""
        return [
            pick(event['params']) for event in self.events
            if event.get('method') == method
        ]

    def _read(self, seconds: float = 30.) -> dict:
        """The next message."""
        while b'\0' not in self._rest:
            if not select.select([self._from], [], [], seconds)[0]:
                raise TimeoutError('the browser does not answer')
            chunk = os.read(self._from, 1 << 20)
            if not chunk:
                raise RuntimeError(
                    f'the browser ended with {self._process.wait()}')
            self._rest += chunk
        message, self._rest = self._rest.split(b'\0', 1)
        return json.loads(message)
